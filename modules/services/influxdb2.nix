# InfluxDB 2: buckets, dashboards, tasks, users and tokens.
#
# Stopped while its state is read: its files must fit each other. A token that NixOS
# provisions must stay the same, and is kept elsewhere.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "influxdb2") user stateDirectory;
in
common.service "influxdb2" {
  contract = {
    inherit user;
    sourceDirectories = [ stateDirectory ];
    quiesce.units = [ "influxdb2.service" ];
    restore.units = [ "influxdb2.service" ];
    probe = common.has [ "${stateDirectory}/influxd.bolt" ];
  };
}
