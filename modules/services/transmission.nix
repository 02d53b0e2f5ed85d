# Transmission: its torrents with their progress, and statistics.
#
# Stopped while its state is read: only then has it written all of it. Downloads are not
# saved. settings.json is not either: each start writes it anew, from the options and
# from `credentialsFile`, which is kept elsewhere.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.transmission;
  configDir = "${common.path cfg.home}/.config/transmission-daemon";
in
common.service "transmission" {
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ configDir ];
    excludePatterns = [
      "${configDir}/settings.json"
      "${configDir}/lock"
    ];
    quiesce.units = [ "transmission.service" ];
    restore.units = [ "transmission.service" ];
    probe = ''
      test -d "$BACKUP_COPY"${lib.escapeShellArg "${configDir}/torrents"}
    '';
  };
}
