# Forgejo and Gitea, which are alike.
{
  config,
  lib,
  contracts,
}:
name:
let
  common = import ./. { inherit config lib contracts; };

  cfg = config.services.${name};
  stateDir = common.path cfg.stateDir;
  inherit (cfg) database;
  isSqlite = database.type == "sqlite3";

  server = {
    inherit (cfg) user;
    option = "services.${name}.backup";
    subject = "services.${name}.database names";
    database = database.name;
    role = database.user;
    inherit (database) host;
    hasPassword = database.passwordFile != null;
  };
in
common.service name {
  contract = {
    inherit (cfg) user;
    sourceDirectories = common.outermost (
      [
        stateDir
        cfg.repositoryRoot
        cfg.customDir
        cfg.lfs.contentDir
      ]
      ++ lib.optional isSqlite (dirOf database.path)
    );
    excludePatterns = [
      "${common.path cfg.dump.backupDir}/*"
      "${stateDir}/conf/locale"
      "${stateDir}/log/*"
      "${stateDir}/data/indexers/*"
      "${stateDir}/data/queues/*"
      "${stateDir}/data/sessions/*"
      "${stateDir}/data/tmp/*"
    ];
    quiesce.units = [ "${name}.service" ];
    streams = lib.optionalAttrs (!isSqlite) {
      database =
        if database.type == "postgres" then
          common.database.postgresql (
            server
            // (if database.socket != null then { host = database.socket; } else { inherit (database) port; })
          )
        else
          common.database.mysql (
            server
            // (
              if database.socket != null then { inherit (database) socket; } else { inherit (database) port; }
            )
          );
    };
    restore.units = [ "${name}.service" ];
    probe = common.has [ "${common.path cfg.customDir}/conf/app.ini" ];
  };
}
