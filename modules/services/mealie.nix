# Mealie: recipes with their images, the database, and the key of its sessions.
#
# Saved while it runs: the database is dumped, SQLite or PostgreSQL. Its own backups and
# logs are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.mealie;
  inherit (common.unit "mealie") user stateDirectory;

  # What its own module sets is here only.
  env = config.systemd.services.mealie.environment;
  dataDir = if env.DATA_DIR == "/var/lib/mealie" then stateDirectory else common.path env.DATA_DIR;
  path = "${dataDir}/mealie.db";
  isSqlite = env.DB_ENGINE or "sqlite" == "sqlite";

  url =
    env.POSTGRES_URL_OVERRIDE or "postgresql://${env.POSTGRES_USER or "mealie"}:password@${
      env.POSTGRES_SERVER or "postgres"
    }:${env.POSTGRES_PORT or "5432"}/${env.POSTGRES_DB or "mealie"}";
in
common.service "mealie" {
  contract = {
    inherit user;
    sourceDirectories = [ dataDir ];
    excludePatterns = [
      "${dataDir}/backups/*"
      "${dataDir}/*.log*"
    ]
    ++ lib.optionals isSqlite (contracts.streams.sqliteFiles path);
    streams.database = common.database.stream (
      if isSqlite then
        contracts.streams.sqlite { inherit path; }
      else
        common.database.fromUrl {
          inherit user url;
          option = "services.mealie.backup";
          setting = "services.mealie.settings";
        }
    );
    restore.units = [ "mealie.service" ];
    probe = common.has [ "${dataDir}/.secret" ];
  };
}
