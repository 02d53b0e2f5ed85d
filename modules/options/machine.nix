# Settings of the machine as a whole.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.backupservice = {
    maxConcurrent = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 2;
      description = ''
        How many instances back up or are maintained at once on this machine; the
        others wait, visibly, and before anything is stopped for them. Null for no
        limit, so that one that hangs holds up no other. Restores never wait for it.
      '';
    };

    weights = {
      cpu = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = ''
          The share of the processors that all backups of this machine together get
          while others want them too, as `CPUWeight=` in
          {manpage}`systemd.resource-control(5)`. What else runs there has 100.
        '';
      };
      io = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = "Likewise of the disks, as `IOWeight=`.";
      };
    };

    uid = mkOption {
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

    bus.enable =
      lib.mkEnableOption ''
        the D-Bus service `org.backupservice1`, with which desktops, dashboards and scripts
        follow and control backups. D-Bus starts it on demand; it exits when it is idle and no
        backup is running. Every user may read the state of backups. Members of the group
        `wheel` with an active session may start and cancel backups and list snapshots; other
        users must authenticate as an administrator''
      // {
        default = true;
        example = false;
      };
  };
}
