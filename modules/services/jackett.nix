# Jackett: its settings, indexers, and the keys without which the indexers' passwords
# cannot be read.
#
# Stopped while its files are read: it writes them in place. Logs are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.jackett;
  dataDir = common.path cfg.dataDir;
in
common.service "jackett" {
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ dataDir ];
    excludePatterns = [ "${dataDir}/log*.txt" ];
    quiesce.units = [ "jackett.service" ];
    restore.units = [ "jackett.service" ];
    probe = common.has [ "${dataDir}/ServerConfig.json" ];
  };
}
