# Navidrome: accounts, play counts, playlists and the library's database.
#
# Saved while it runs: the database is dumped. The music is not saved, nor is the cache.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.navidrome;
  inherit (common.unit "navidrome") user stateDirectory;

  dataDir = common.path (cfg.settings.DataFolder or stateDirectory);
in
common.service "navidrome" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = [ dataDir ];
      excludePatterns = [ "${common.path (cfg.settings.CacheFolder or "${dataDir}/cache")}/*" ];
      restore.units = [ "navidrome.service" ];
    }
    (common.sqlite { database = "${dataDir}/navidrome.db"; })
  ];
}
