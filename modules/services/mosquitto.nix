# Mosquitto: retained messages, subscriptions and messages that wait for a client.
#
# Stopped while they are read: it writes them when it ends. Without `persistence` there is
# nothing to save. Passwords are not saved: each start writes them anew from the options.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.mosquitto;
  dataDir = common.path cfg.dataDir;
in
common.service "mosquitto" {
  enable = (config.services.mosquitto.enable or false) && cfg.persistence;
  contract = {
    inherit (common.unit "mosquitto") user;
    sourceDirectories = [ dataDir ];
    excludePatterns = [ "${dataDir}/passwd-*" ];
    quiesce.units = [ "mosquitto.service" ];
    restore.units = [ "mosquitto.service" ];
    probe = common.has [ "${dataDir}/mosquitto.db" ];
  };
}
