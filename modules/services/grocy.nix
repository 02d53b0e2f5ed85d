# Grocy: its database, uploaded pictures and files, and plugins.
#
# Saved while it runs: the database is dumped. The compiled views are not saved: they fit
# one version only, and are made again.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.grocy;
  dataDir = common.path cfg.dataDir;
in
common.service "grocy" {
  contract = lib.mkMerge [
    {
      inherit (config.services.phpfpm.pools.grocy) user;
      sourceDirectories = [ dataDir ];
      excludePatterns = [ "${dataDir}/viewcache/*" ];
      restore.units = [ "phpfpm-grocy.service" ];
    }
    (common.sqlite { database = "${dataDir}/grocy.db"; })
  ];
}
