# The type of a contract: what a service says must be saved, and how to make it
# consistent. An instance is this type with more options, and a value passes
# through both, so no option here may be computed from another.
{ lib }:
let
  inherit (lib) mkOption literalExpression types;

  hook = import ./hook.nix { inherit lib; };

  # An item is shell text, or the attributes of a hook.
  hookList = types.listOf (types.coercedTo types.lines (command: { inherit command; }) hook);

  mkHookOption =
    when: example:
    mkOption {
      type = hookList;
      default = [ ];
      inherit example;
      description = ''
        What to run ${when}. Items run one after the other. An item is shell text
        (run by bash with `set -euo pipefail`), or a set of `name`, `command`,
        `user`, `timeout`, `credentials`, `readWritePaths` and `network`.

        Each hook is a unit of its own with its own user and sandbox. It finds
        `BACKUP_INSTANCE`, `BACKUP_RUN_ID`, `BACKUP_PHASE` and, once they are
        known, `BACKUP_OUTCOME` and `BACKUP_SNAPSHOT` in its environment.
      '';
    };

  unitName = types.strMatching "[a-zA-Z0-9:_.@\\-]+\\.(service|socket|timer|target|path|scope)";
in
types.submodule {
  options = {
    user = mkOption {
      type = types.str;
      example = "nextcloud";
      description = "User that owns the data, and that hooks run as unless they say otherwise.";
    };

    sourceDirectories = mkOption {
      type = types.listOf types.str;
      example = [ "/var/lib/nextcloud" ];
      description = "Absolute paths of the directories and files to save, at least one.";
    };

    excludePatterns = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "*.tmp"
        "/var/lib/nextcloud/data/appdata_*/preview"
      ];
      description = ''
        What to leave out, in one syntax for every provider: without `/`, a name
        at any depth; with a leading `/`, an absolute path; `*`, `?`, `[…]` and
        `**` as in gitignore.
      '';
    };

    hooks = {
      beforeBackup = mkHookOption "before the data is read; a failure fails the run" [
        "rm -rf /var/lib/myservice/cache"
      ];
      afterBackup = mkHookOption "after the run, whatever its outcome; must bear being run twice" [
        {
          name = "note";
          command = "echo \"backup: $BACKUP_OUTCOME\"";
        }
      ];
      beforeRestore = mkHookOption "before a restore changes anything; a failure stops it" [
        "test ! -e /var/lib/myservice/do-not-restore"
      ];
      afterRestore =
        mkHookOption "after a restore, before the services start; must bear being run twice"
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
                Shell text that writes the data to its standard output, run by bash
                with `set -euo pipefail`. If any part of it fails, so does the run.
              '';
            };
            load = mkOption {
              type = types.lines;
              example = "psql --quiet --set ON_ERROR_STOP=1 nextcloud";
              description = "Shell text that reads on its standard input what `dump` wrote.";
            };
            user = mkOption {
              type = types.nullOr types.str;
              default = null;
              example = "postgres";
              description = "User that both run as; by default the contract's.";
            };
          };
        }
      );
      default = { };
      example = literalExpression ''
        { database = contracts.streams.postgresql { database = "nextcloud"; }; }
      '';
      description = ''
        Databases and other data that cannot be copied as files. Each is dumped
        into the same snapshot as the files, and loaded again by a restore.
      '';
    };

    quiesce.units = mkOption {
      type = types.listOf unitName;
      default = [ ];
      example = [ "home-assistant.service" ];
      description = ''
        Units that are stopped while the data is read. They, and every unit that
        stopping them took down, are started again whatever happens.
      '';
    };

    restore.units = mkOption {
      type = types.listOf unitName;
      default = [ ];
      example = [ "phpfpm-nextcloud.service" ];
      description = "Units that are stopped during a restore.";
    };

    probe = mkOption {
      type = types.nullOr types.lines;
      default = null;
      example = ''sqlite3 "$BACKUP_COPY/var/lib/myservice/db.sqlite3" 'pragma integrity_check' | grep -qx ok'';
      description = ''
        Shell text that fails unless the restored copy below `$BACKUP_COPY` is
        usable. Restore drills will run it; there are none yet.
      '';
    };
  };
}
