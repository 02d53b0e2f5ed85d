# Deluge: its torrents with their progress, settings and accounts.
#
# Stopped while its state is read, because its files must fit each other. Downloads are
# not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.deluge;
  configDir = "${common.path cfg.dataDir}/.config/deluge";
  units = [ "deluged.service" ] ++ lib.optional cfg.web.enable "delugeweb.service";
in
common.service "deluge" {
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ configDir ];
    excludePatterns = [ "${configDir}/deluged.pid" ];
    quiesce.units = units;
    restore.units = units;
    probe = common.has [ "${configDir}/core.conf" ];
  };
}
