# AdGuard Home: its settings, accounts, and addresses that it leased.
#
# Saved while it runs, since it often is the machine's resolver: it replaces its files by
# renaming. Sessions, the query log, statistics and downloaded filters are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "adguardhome") user stateDirectory;
in
common.service "adguardhome" {
  contract = {
    inherit user;
    sourceDirectories = [ stateDirectory ];
    excludePatterns = [
      "${stateDirectory}/data/filters/*"
      "${stateDirectory}/data/querylog.json*"
      "${stateDirectory}/data/sessions.db"
      "${stateDirectory}/data/stats.db"
    ];
    restore.units = [ "adguardhome.service" ];
    probe = common.has [ "${stateDirectory}/AdGuardHome.yaml" ];
  };
}
