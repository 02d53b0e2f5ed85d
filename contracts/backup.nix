# The type of a contract: the data of a service to back up, and how to make it
# consistent. An instance is this type with more options, and a value passes
# through both, so no option here may be computed from another.
{ lib }:
let
  inherit (lib) mkOption literalExpression types;

  hook = import ./hook.nix { inherit lib; };

  # An item is shell text, or the attributes of a hook.
  hookList = types.listOf (types.coercedTo types.lines (command: { inherit command; }) hook);

  mkHookOption =
    when: consequence: example:
    mkOption {
      type = hookList;
      default = [ ];
      inherit example;
      description = ''
        Commands to run ${when}, one after the other. ${consequence}
        An item is shell text, run by bash with `set -euo pipefail`, or a set of `name`,
        `command`, `user`, `timeout`, `credentials`, `path`, `readWritePaths` and `network`.

        Each hook runs as a systemd unit with its own user and sandbox. Its
        environment contains `BACKUP_INSTANCE`, `BACKUP_RUN_ID`, `BACKUP_PHASE`,
        `BACKUP_OUTCOME` and `BACKUP_SNAPSHOT`; what is not known is empty.
      '';
    };
in
types.submodule {
  options = {
    user = mkOption {
      type = types.str;
      example = "nextcloud";
      description = "User that owns the data. Hooks and streams run as this user unless they set their own.";
    };

    sourceDirectories = mkOption {
      type = types.listOf types.str;
      example = [ "/var/lib/nextcloud" ];
      description = "Absolute paths of the directories and files to back up. At least one is required.";
    };

    excludePatterns = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "*.tmp"
        "/var/lib/nextcloud/data/appdata_*/preview"
      ];
      description = ''
        Files and directories to exclude, in the same syntax for every provider. A
        pattern without `/` matches a name at any depth below the sources, one with
        a leading `/` an absolute path. `*`, `?`, `[…]` and `**` work as in gitignore.
      '';
    };

    hooks = {
      beforeBackup = mkHookOption "before the data is read" "If one fails, the run fails." [
        "rm -rf /var/lib/myservice/cache"
      ];
      afterBackup =
        mkHookOption "after every run, whatever its outcome" "They must tolerate being run twice."
          [
            {
              name = "note";
              command = "echo \"backup: $BACKUP_OUTCOME\"";
            }
          ];
      beforeRestore =
        mkHookOption "before a restore changes anything" "If one fails, nothing is restored."
          [
            "test ! -e /var/lib/myservice/do-not-restore"
          ];
      afterRestore =
        mkHookOption "after a restore, before the services start" "They must tolerate being run twice."
          [
            "myservice-admin reindex"
          ];
    };

    streams = mkOption {
      type = types.attrsOf (
        types.submodule {
          options = {
            dump = mkOption {
              type = types.lines;
              example = "pg_dump --clean --if-exists nextcloud";
              description = ''
                Shell text that writes the data to its standard output. It is run by
                bash with `set -euo pipefail`. If a command in it fails, the run
                fails.
              '';
            };
            load = mkOption {
              type = types.lines;
              example = "psql --quiet --set ON_ERROR_STOP=1 nextcloud";
              description = "Shell text that reads the output of `dump` on its standard input, and replaces the current data with it.";
            };
            user = mkOption {
              type = types.nullOr types.str;
              default = null;
              example = "postgres";
              description = "User that runs `dump` and `load`. `null`: the contract's user.";
            };
            databases = mkOption {
              type = types.listOf types.str;
              default = [ ];
              example = [ "postgresql:nextcloud" ];
              description = ''
                Databases in the output of `dump`, as `postgresql:NAME` or `mysql:NAME`, with
                `*` for all of a server. Only `backupservice.coverage` reads it.
              '';
            };
          };
        }
      );
      default = { };
      example = literalExpression ''
        { database = contracts.streams.postgresql { database = "nextcloud"; }; }
      '';
      description = ''
        Databases and other data that cannot be copied as files. A backup dumps each
        of them into the same snapshot as the files; a restore loads it again.
      '';
    };

    quiesce.units = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "home-assistant.service" ];
      description = ''
        Full names of the units to stop while the data is read: services, sockets, timers,
        targets or paths. They are started again after every run,
        also after a failed or killed one, together with all units that stopped
        because of them.
      '';
    };

    restore.units = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "phpfpm-nextcloud.service" ];
      description = ''
        Full names of the units to stop during a restore. They are started again
        afterwards.
      '';
    };

    probe = mkOption {
      type = types.nullOr types.lines;
      default = null;
      example = ''sqlite3 "$BACKUP_COPY/var/lib/myservice/db.sqlite3" 'pragma integrity_check' | grep -qx ok'';
      description = ''
        Shell text that checks the restored copy of the data below `$BACKUP_COPY`, and
        fails unless it is usable. Reserved for restore drills: nothing runs it yet.
      '';
    };
  };
}
