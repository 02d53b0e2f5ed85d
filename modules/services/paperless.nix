# Paperless: documents, thumbnails, the database, the classifier and the secret key.
#
# No document is consumed while they are read, so that each has its entry in the database;
# the web interface keeps running. The database is dumped, SQLite or a server's. Exports
# and logs are not saved, nor is the file with the administrator's password, which each
# start writes anew. Documents that wait outside of `dataDir` are saved once consumed.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.paperless;
  dataDir = common.path cfg.dataDir;
  path = "${dataDir}/db.sqlite3";

  # Its own module sets them here only.
  env = config.systemd.services.paperless-web.environment;
  isSqlite = !env ? PAPERLESS_DBHOST;
  server = {
    inherit (cfg) user;
    option = "services.paperless.backup";
    subject = "services.paperless.settings.PAPERLESS_DBHOST names";
    database = env.PAPERLESS_DBNAME or "paperless";
    role = env.PAPERLESS_DBUSER or "paperless";
    host = env.PAPERLESS_DBHOST;
    hasPassword = env ? PAPERLESS_DBPASS;
  }
  // lib.optionalAttrs (env ? PAPERLESS_DBPORT) { port = lib.toInt env.PAPERLESS_DBPORT; };
in
common.service "paperless" {
  # Queues and caches.
  disposable = [ "/var/lib/redis-paperless" ];
  contract = {
    inherit (cfg) user;
    sourceDirectories = common.outermost [
      dataDir
      cfg.mediaDir
    ];
    excludePatterns = [
      "${common.path (cfg.exporter.directory or "${dataDir}/export")}/*"
      "${dataDir}/log/*"
      "${dataDir}/superuser-state"
    ]
    ++ lib.optionals isSqlite (contracts.streams.sqliteFiles path);
    quiesce.units = [
      "paperless-consumer.service"
      "paperless-task-queue.service"
    ];
    streams.database = common.database.stream (
      if isSqlite then
        contracts.streams.sqlite { inherit path; }
      else if env.PAPERLESS_DBENGINE or "postgresql" == "mariadb" then
        common.database.mysql server
      else
        common.database.postgresql server
    );
    restore.units = [
      "paperless-scheduler.service"
      "paperless-task-queue.service"
      "paperless-consumer.service"
      "paperless-web.service"
    ];
    probe = common.has [ "${dataDir}/src-version" ];
  };
}
