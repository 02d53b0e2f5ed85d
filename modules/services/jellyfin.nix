# Jellyfin: accounts, what was watched, the library's database, images and settings.
#
# Stopped while its state is read, as its documentation asks: it keeps several databases
# that must fit each other. Media is not saved, nor are logs and the cache.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.jellyfin;
in
common.service "jellyfin" {
  contract = {
    inherit (cfg) user;
    sourceDirectories = common.outermost [
      cfg.dataDir
      cfg.configDir
    ];
    excludePatterns = [
      "${common.path cfg.cacheDir}/*"
      "${common.path cfg.logDir}/*"
      # Jellyfin's own copies of its database.
      "${common.path cfg.dataDir}/data/SQLiteBackups/*"
    ];
    quiesce.units = [ "jellyfin.service" ];
    restore.units = [ "jellyfin.service" ];
    probe = common.has [ "${common.path cfg.configDir}/system.xml" ];
  };
}
