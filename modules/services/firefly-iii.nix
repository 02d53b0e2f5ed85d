# Firefly III: uploads, the keys of its API and the database.
#
# Saved while it runs: the database is dumped, SQLite or a server's. Caches, sessions and
# logs are not saved. Not part of its state, and kept elsewhere: `APP_KEY_FILE`, without
# which what is encrypted in the database is lost.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.firefly-iii;
  inherit (cfg) settings;
  storage = "${common.path cfg.dataDir}/storage";

  connection = settings.DB_CONNECTION or "sqlite";
  isSqlite = connection == "sqlite";
  path = settings.DB_DATABASE or "${storage}/database/database.sqlite";
  server = {
    inherit (cfg) user;
    option = "services.firefly-iii.backup";
    subject = "services.firefly-iii.settings.DB_HOST names";
    database = settings.DB_DATABASE or "firefly";
    role = settings.DB_USERNAME or "firefly";
    host = toString (settings.DB_HOST or "localhost");
    hasPassword = settings ? DB_PASSWORD || settings ? DB_PASSWORD_FILE;
  }
  // lib.optionalAttrs (settings.DB_PORT or null != null) {
    port = lib.toInt (toString settings.DB_PORT);
  };
  socket = lib.optionalAttrs (settings ? DB_SOCKET) { socket = settings.DB_SOCKET; };
in
common.service "firefly-iii" {
  disposable = [ "${common.path cfg.dataDir}/cache" ];
  contract = {
    inherit (cfg) user;
    sourceDirectories = common.outermost ([ storage ] ++ lib.optional isSqlite (dirOf path));
    excludePatterns = [
      "${storage}/framework/cache/*"
      "${storage}/framework/sessions/*"
      "${storage}/framework/views/*"
      "${storage}/logs/*"
    ]
    ++ lib.optionals isSqlite (contracts.streams.sqliteFiles path);
    streams.database =
      if isSqlite then
        contracts.streams.sqlite { inherit path; }
      else if connection == "mysql" then
        common.database.mysql (server // socket)
      else
        common.database.postgresql server;
    restore.units = [
      "phpfpm-firefly-iii.service"
      "firefly-iii-setup.service"
      "firefly-iii-cron.timer"
      "firefly-iii-cron.service"
    ];
  };
}
