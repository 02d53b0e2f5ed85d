# The identity that reads sources and owns repositories.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;

  cfg = config.backupservice;
in
{
  options.backupservice.uid = mkOption {
    type = types.ints.positive;
    default = 395;
    example = 1395;
    description = ''
      Number of the user and of the group `backupservice`. It is the same on every
      machine, because a repository on a disk outlives the machine that wrote it.
      Where 395 is taken, set another, and give existing repositories to it:
      `chown -R backupservice:backupservice /srv/backup`.
    '';
  };

  config = lib.mkIf (cfg.plans != { }) {
    users.users.backupservice = {
      inherit (cfg) uid;
      isSystemUser = true;
      group = "backupservice";
      description = "Makes backups";
    };
    users.groups.backupservice.gid = cfg.uid;

    environment.systemPackages = [ cfg.package ];
  };
}
