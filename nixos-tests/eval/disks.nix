# What boot and switch start wants no disk that may be missing; what needs one does.
{ lib, evalNixos, ... }:
let
  inherit (import ./common { inherit lib evalNixos; }) good;

  onDisk = good // {
    sourceDirectories = [ "/mnt/source/data" ];
    repository.path = "/mnt/disk/backup";
  };
  noauto = label: {
    device = "/dev/disk/by-label/${label}";
    fsType = "ext4";
    options = [ "noauto" ];
  };

  inherit
    (evalNixos [
      {
        fileSystems."/mnt/disk" = noauto "disk";
        fileSystems."/mnt/source" = noauto "source";
        backupservice.instances = {
          x = onDisk;
          y = onDisk;
          z = good;
        };
      }
    ])
    config
    ;

  ours = lib.filterAttrs (name: _: lib.hasPrefix "backupservice" name) config.systemd.services;
  mounts =
    unit:
    lib.concatMap (name: lib.toList (unit.unitConfig.${name} or [ ])) [
      "RequiresMountsFor"
      "WantsMountsFor"
    ];
  wanting = units: lib.filter (name: mounts ours.${name} != [ ]) units;
in
{
  "boot and switch start nothing that mounts a backup disk or a source" = {
    expr =
      let
        # They start these and, where a path or a bus name is used, those.
        started =
          lib.attrNames (lib.filterAttrs (_: unit: unit.wantedBy ++ unit.requiredBy != [ ]) ours)
          ++ [
            "backupservice-bus"
            "backupservice-watch"
          ];
      in
      lib.concatMap (name: mounts ours.${name}) (wanting started);
    expected = [ "/srv/backup/x" ];
  };

  "recovery waits for the mounts of sources that happen anyway" = {
    expr = lib.filter (lib.hasSuffix ".mount") ours.backupservice-recover.after;
    expected = [
      "mnt-source.mount"
      "-.mount"
    ];
  };

  "each unit waits for the disks that it needs" = {
    expr = lib.genAttrs [
      "backupservice-x"
      "backupservice-x-prepare"
      "backupservice-x-maintain"
      "backupservice-x-snapshots"
      "backupservice-x-browse@"
      "backupservice-x-restore@"
    ] (name: mounts ours.${name});
    expected = {
      backupservice-x = [
        "/mnt/disk/backup"
        "/mnt/source/data"
      ];
      backupservice-x-prepare = [ "/mnt/disk/backup" ];
      backupservice-x-maintain = [ "/mnt/disk/backup" ];
      backupservice-x-snapshots = [ "/mnt/disk/backup" ];
      "backupservice-x-browse@" = [ "/mnt/disk/backup" ];
      "backupservice-x-restore@" = [
        "/mnt/disk/backup"
        "/mnt/source/data"
      ];
    };
  };

  "each repository has a unit that generates its password, and an instance wants only its own" = {
    expr = {
      units = lib.filter (lib.hasPrefix "backupservice-secrets@") (lib.attrNames ours);
      wanted = map (name: lib.filter (lib.hasInfix "secrets") ours.${name}.wants) [
        "backupservice-x"
        "backupservice-y"
        "backupservice-z"
      ];
      all = ours.backupservice-secrets.wants;
    };
    expected = {
      units = [
        "backupservice-secrets@mnt-disk-backup"
        "backupservice-secrets@srv-backup-x"
      ];
      wanted = [
        [ "backupservice-secrets@mnt-disk-backup.service" ]
        [ "backupservice-secrets@mnt-disk-backup.service" ]
        [ "backupservice-secrets@srv-backup-x.service" ]
      ];
      all = [
        "backupservice-secrets@mnt-disk-backup.service"
        "backupservice-secrets@srv-backup-x.service"
      ];
    };
  };

  "all units that ask systemd for something end before the bus does" = {
    expr = lib.filter (name: !lib.elem "dbus.service" ours.${name}.after) [
      "backupservice-x-browse@"
      "backupservice-recover"
      "backupservice-x"
      "backupservice-x-maintain"
      "backupservice-x-restore@"
      "backupservice-x-snapshots"
    ];
    expected = [ ];
  };
}
