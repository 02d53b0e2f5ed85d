# Matrix Synapse: accounts, rooms, the server's signing key, and media of its own users.
#
# Saved while it runs: the database is dumped. One-time keys are not saved, as its
# documentation asks: clients upload new ones. Nor are media of other servers and previews,
# which it fetches again. Not part of its state, and kept elsewhere: `extraConfigFiles`.
{
  config,
  lib,
  pkgs,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.matrix-synapse;
  inherit (common.unit "matrix-synapse") user;
  inherit (cfg) settings;
  inherit (settings.database) args;
  isSqlite = settings.database.name == "sqlite3";

  media = common.path settings.media_store_path;
  keys = "e2e_one_time_keys_json";
in
common.service "matrix-synapse" {
  # Queues and caches.
  disposable = [ "/var/lib/redis-matrix-synapse" ];
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = common.outermost (
        [
          cfg.dataDir
          media
        ]
        ++ lib.optional (common.isState settings.signing_key_path) settings.signing_key_path
        ++ lib.optional isSqlite (dirOf args.database)
      );
      excludePatterns = [
        "${media}/remote_content/*"
        "${media}/remote_thumbnail*/*"
        "${media}/url_cache/*"
        "${media}/url_cache_thumbnails/*"
      ];
      restore.units = [
        "matrix-synapse.service"
      ]
      ++ map (name: "matrix-synapse-worker-${name}.service") (lib.attrNames cfg.workers);
      probe =
        if common.isState settings.signing_key_path then common.has [ settings.signing_key_path ] else null;
    }
    (
      if isSqlite then
        common.sqlite { inherit (args) database; }
        // {
          hooks.afterRestore = [
            {
              name = "one-time-keys";
              command = "${lib.getExe' pkgs.sqlite "sqlite3"} -bail ${lib.escapeShellArg args.database} 'DELETE FROM ${keys}'";
            }
          ];
        }
      else
        {
          streams.database = common.database.postgresql {
            inherit user;
            option = "services.matrix-synapse.backup";
            subject = "services.matrix-synapse.settings.database.args.host names";
            inherit (args) database;
            role = args.user;
            host = args.host or "";
            port = lib.toInt (toString (args.port or 5432));
            hasPassword = args ? password;
            settings.excludeData = [ keys ];
          };
        }
    )
  ];
}
