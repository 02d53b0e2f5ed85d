# FreshRSS: feeds, articles, accounts, settings and its salt.
#
# With SQLite, of which each user has a database, stopped while they are read; the database
# of a server is dumped while it runs. Caches are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.freshrss;
  dataDir = common.path cfg.dataDir;
  inherit (cfg) database;
  isSqlite = database.type == "sqlite";

  server = {
    inherit (cfg) user;
    option = "services.freshrss.backup";
    subject = "services.freshrss.database.host names";
    database = database.name;
    role = database.user;
    host = toString database.host;
    hasPassword = database.passFile != null;
  }
  // lib.optionalAttrs (database.port != null) { inherit (database) port; };

  writers = lib.optional (cfg.pool != null) "phpfpm-${cfg.pool}.service" ++ [
    "freshrss-updater.timer"
    "freshrss-updater.service"
  ];
in
common.service "freshrss" {
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ dataDir ];
    excludePatterns = [ "${dataDir}/cache/*" ];
    quiesce.units = lib.optionals isSqlite writers;
    streams = lib.optionalAttrs (!isSqlite) {
      database =
        if database.type == "pgsql" then
          common.database.postgresql server
        else
          common.database.mysql server;
    };
    # The last one fits the restored settings to the options.
    restore.units = writers ++ [ "freshrss-config.service" ];
    probe = common.has [ "${dataDir}/config.php" ];
  };
}
