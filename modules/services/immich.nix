# Immich: photos and videos, profile pictures and the database.
#
# Saved while it runs, the database first and the files after it, as its documentation
# allows. Thumbnails and converted videos are not saved: after a restore, its jobs
# "Generate thumbnails" and "Transcode videos" make what is missing. Nor are its own dumps of
# the database, and the models of its machine learning. External libraries lie elsewhere.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.immich;
  media = common.path cfg.mediaLocation;
in
common.service "immich" {
  # Queues and caches.
  disposable = [ "/var/lib/redis-immich" ];
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ media ];
    # Each directory keeps its file `.immich`, without which the server does not start.
    excludePatterns = [
      "${media}/backups/*.sql.gz*"
      "${media}/encoded-video/*/*"
      "${media}/thumbs/*/*"
    ];
    streams.database = common.database.postgresql {
      inherit (cfg) user;
      inherit (cfg.database) host port;
      option = "services.immich.backup";
      subject = "services.immich.database.host names";
      database = cfg.database.name;
      role = cfg.database.user;
      hasPassword = false;
      hasExtensions = true;
      # As its documentation asks: an index needs a function of an extension.
      settings.searchPath = "public, pg_catalog";
    };
    restore.units = [
      "immich-server.service"
    ]
    ++ lib.optional cfg.machine-learning.enable "immich-machine-learning.service";
    probe = common.has [
      "${media}/library/.immich"
      "${media}/upload/.immich"
    ];
  };
}
