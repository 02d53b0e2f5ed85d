# Settings of the machine as a whole.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.backupservice = {
    host = mkOption {
      type = types.strMatching "[A-Za-z0-9][A-Za-z0-9_.-]*";
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "web-1";
      description = ''
        Name of this machine in the repositories. A snapshot belongs to an instance of a
        host: listing, restores, retention and maintenance see only the snapshots of this
        host, unless a restore asks for another one (`--host`). It must differ between
        machines that share a repository. After a change, earlier snapshots belong to
        another host and are kept until they are removed by hand.
      '';
    };

    maxConcurrent = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 2;
      description = ''
        Maximum number of backups and maintenance runs at the same time on this
        machine. The others wait in the phase `waiting`, before they stop any unit.
        `null`: unlimited. Restores never wait.
      '';
    };

    weights = {
      cpu = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = ''
          CPU share of all backups of this machine together, relative to the 100 of
          every other slice. It has an effect only while the CPUs are busy. See
          `CPUWeight=` in {manpage}`systemd.resource-control(5)`.
        '';
      };
      io = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = ''
          Disk I/O share of all backups of this machine together, like `weights.cpu`. See
          `IOWeight=` in {manpage}`systemd.resource-control(5)`.
        '';
      };
    };

    uid = mkOption {
      type = types.ints.positive;
      default = 395;
      example = 1395;
      description = ''
        Numeric ID of the user and the group `backupservice`. It is fixed so that a
        repository on a removable disk belongs to the same user on every machine. If
        another user has this ID, choose a free one, and change the owner of existing
        repositories: `chown -R backupservice:backupservice /srv/backup`.
      '';
    };

    bus.enable =
      lib.mkEnableOption ''
        the D-Bus service `org.backupservice1`, with which desktops, dashboards and scripts
        follow and control backups. D-Bus starts it on demand; it exits when it is idle and no
        backup is running. Every user may read the state of backups. Members of the group
        `wheel` with an active session may start and cancel backups and list snapshots; other
        users, and everybody who reads files in snapshots, must authenticate as an
        administrator''
      // {
        default = true;
        example = false;
      };
  };
}
