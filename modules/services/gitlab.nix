# GitLab: repositories, uploads, LFS, packages, pages and the database.
#
# Stopped while its state is read: repositories must fit the database, which is dumped.
# Settings are not saved, each start writes them anew, nor are logs and its own backups. Not
# part of its state, and kept elsewhere: the files of `secrets`, without which much of the
# database cannot be read. A restore needs the same version of GitLab.
# `services.gitlab.backup` is NixOS's own: the contract is `backupservice.contracts.gitlab`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.gitlab;
  statePath = common.path cfg.statePath;
  shared = cfg.extraConfig.shared.path or "${statePath}/shared";

  writers = [
    "gitlab.service"
    "gitlab-sidekiq.service"
    "gitaly.service"
  ];
in
{
  config.backupservice = lib.mkIf (config.services.gitlab.enable or false) {
    # Its queues.
    coverage.ignore = [ "/var/lib/redis-gitlab" ];
    contracts.gitlab = {
      inherit (cfg) user;
      sourceDirectories = common.outermost [
        statePath
        shared
      ];
      excludePatterns = [
        "${common.path cfg.backup.path}/*"
        "${statePath}/config/*"
        "${statePath}/db/*"
        "${statePath}/log/*"
        # Only the boot makes its directories.
        "${statePath}/tmp/*/*"
      ];
      quiesce.units = writers;
      streams.database = common.database.postgresql {
        inherit (cfg) user;
        option = "backupservice.contracts.gitlab";
        subject = "services.gitlab.databaseHost names";
        database = cfg.databaseName;
        role = cfg.databaseUsername;
        host = cfg.databaseHost;
        hasPassword = cfg.databasePasswordFile != null;
        hasExtensions = true;
      };
      restore.units = writers ++ [
        "gitlab-workhorse.service"
        "gitlab-config.service"
        "gitlab-db-config.service"
      ];
    };
  };
}
