# Grafana: dashboards, users, data sources with their encrypted passwords, and plugins.
#
# Saved while it runs: the database is dumped, SQLite or a server's. Its passwords can be
# read only with the `settings.security.secret_key` that they were written with.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.grafana;
  inherit (common.unit "grafana") user;
  dataDir = common.path cfg.dataDir;
  inherit (cfg.settings) database;
  isSqlite = database.type == "sqlite3";

  # A host and a port, or a socket.
  host = lib.head (lib.splitString ":" database.host);
  port = lib.removePrefix host database.host;
  server = {
    inherit user host;
    option = "services.grafana.backup";
    subject = "services.grafana.settings.database.host names";
    database = database.name;
    role = database.user;
    hasPassword = database.password != "";
  }
  // lib.optionalAttrs (port != "") { port = lib.toInt (lib.removePrefix ":" port); };
in
common.service "grafana" {
  contract = {
    inherit user;
    sourceDirectories = common.outermost ([ dataDir ] ++ lib.optional isSqlite (dirOf database.path));
    excludePatterns = [
      # Links to the package.
      "${dataDir}/conf"
      "${dataDir}/tools"
      # Images for alerts and exports.
      "${dataDir}/png/*"
      "${dataDir}/csv/*"
    ]
    ++ lib.optionals isSqlite (contracts.streams.sqliteFiles database.path);
    streams.database =
      if isSqlite then
        contracts.streams.sqlite { inherit (database) path; }
      else if database.type == "mysql" then
        common.database.mysql (server // lib.optionalAttrs (lib.hasPrefix "/" host) { socket = host; })
      else
        common.database.postgresql server;
    restore.units = [ "grafana.service" ];
  };
}
