# Uptime Kuma: its monitors, their history, accounts and uploads.
#
# Stopped while its state is read, as its documentation asks.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "uptime-kuma") user stateDirectory;
in
common.service "uptime-kuma" {
  contract = {
    inherit user;
    sourceDirectories = [ stateDirectory ];
    quiesce.units = [ "uptime-kuma.service" ];
    restore.units = [ "uptime-kuma.service" ];
    probe = common.has [ "${stateDirectory}/kuma.db" ];
  };
}
