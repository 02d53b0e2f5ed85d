# Bazarr: its database and settings.
#
# Saved while it runs: the database is dumped. Subtitles lie beside the media, which is
# not saved, nor are logs, caches and its own backups.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.bazarr;
  inherit (common.unit "bazarr") user stateDirectory;

  # Older releases have no option for it.
  dataDir = common.path (cfg.dataDir or stateDirectory);
in
common.service "bazarr" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = [ dataDir ];
      excludePatterns = map (name: "${dataDir}/${name}/*") [
        "backup"
        "cache"
        "log"
        # Bazarr restores at its next start what it finds here.
        "restore"
      ];
      restore.units = [ "bazarr.service" ];
      probe = common.has [ "${dataDir}/config/config.yaml" ];
    }
    (common.sqlite { database = "${dataDir}/db/bazarr.db"; })
  ];
}
