# Zigbee2MQTT: its devices and groups, and the coordinator's network.
#
# Stopped while they are read: it writes them when it ends. configuration.yaml is saved,
# but each start writes it anew from the options: a network key that Zigbee2MQTT made is
# lost then, so declare it. The stick holds a part of the network that no backup reaches.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.zigbee2mqtt;
  dataDir = common.path cfg.dataDir;
in
common.service "zigbee2mqtt" {
  contract = {
    inherit (common.unit "zigbee2mqtt") user;
    sourceDirectories = [ dataDir ];
    excludePatterns = [ "${dataDir}/log/*" ];
    quiesce.units = [ "zigbee2mqtt.service" ];
    restore.units = [ "zigbee2mqtt.service" ];
    probe = common.has [ "${dataDir}/database.db" ];
  };
}
