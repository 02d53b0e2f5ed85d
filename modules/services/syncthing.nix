# Syncthing: its settings, and the key that is the identity of this device.
#
# Saved while it runs: it replaces its files by renaming. The folders that it synchronizes
# are not saved: back up one copy of each as an instance of its own. The index is not
# either: one older than the files would spread old contents, so Syncthing scans anew.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.syncthing;
  configDir = common.path cfg.configDir;
in
common.service "syncthing" {
  enable = (config.services.syncthing.enable or false) && cfg.systemService;
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ configDir ];
    excludePatterns = [
      "${common.path cfg.databaseDir}/index-*"
      "${configDir}/*.log"
    ];
    restore.units = [ "syncthing.service" ];
    probe = common.has [
      "${configDir}/config.xml"
      "${configDir}/cert.pem"
      "${configDir}/key.pem"
    ];
  };
}
