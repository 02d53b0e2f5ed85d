# Backup disks that are mounted when somebody needs them: neither booting nor switching does,
# and one that is missing delays nobody but its own backup.
{ pkgs, ... }:
let
  # A disk appears when this has ended.
  disk = name: {
    systemd.services."disk-${name}" = {
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Type = "oneshot";
        TimeoutStartSec = "infinity";
      };
      script = "until [ -e /run/disk-${name} ]; do [ ! -e /run/broken-${name} ] || exit 1; sleep 0.1; done";
    };
    systemd.mounts = [
      {
        what = "tmpfs";
        where = "/mnt/${name}";
        type = "tmpfs";
        requires = [ "disk-${name}.service" ];
        after = [ "disk-${name}.service" ];
      }
    ];
  };
in
{
  name = "disks";

  nodes.machine =
    { ... }:
    let
      instance = name: {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/mnt/${name}/backup";
      };
    in
    {
      imports = [
        ../modules
        (disk "here")
        (disk "missing")
        (disk "source")
      ];

      backupservice.instances.here = instance "here";
      backupservice.instances.missing = instance "missing";
      # What is backed up may be on such a disk as well.
      backupservice.instances.of-disk = instance "here" // {
        sourceDirectories = [ "/mnt/source/data" ];
        repository.path = "/srv/backup/of-disk";
      };

      environment.systemPackages = [ pkgs.restic ];
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json

    def untouched(*names):
        for name in names:
            states = [machine.get_unit_property(unit, "ActiveState") for unit in (f"mnt-{name}.mount", f"disk-{name}.service")]
            assert states == ["inactive", "inactive"], (name, states)

    machine.start()

    with subtest("a boot mounts none, and waits for none"):
        machine.wait_for_unit("multi-user.target")
        machine.wait_until_succeeds("test -z \"$(systemctl list-jobs --no-legend)\"")
        untouched("here", "missing", "source")
        # Where no disk has to be mounted for it, there is a password at once.
        assert machine.succeed("ls /var/lib/backupservice-secrets").split() == ["srv-backup-of\\x2ddisk"]

    with subtest("and neither does a switch"):
        # It reloads systemd, and starts what is wanted and does not run.
        machine.succeed("systemctl daemon-reload && systemctl start --no-block multi-user.target timers.target paths.target sockets.target")
        machine.succeed("systemctl start backupservice-watch.service backupservice-bus.service")
        machine.wait_until_succeeds("test -z \"$(systemctl list-jobs --no-legend)\"")
        untouched("here", "missing", "source")

    with subtest("the backup of a missing disk waits for it, and no other"):
        machine.succeed("systemctl start --no-block backupservice-missing.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState disk-missing.service | grep -qx activating")
        machine.succeed("touch /run/disk-here && systemctl start backupservice-here.service")
        machine.succeed("test -e /mnt/here/backup/config && mountpoint /mnt/here")
        untouched("source")
        machine.succeed("touch /run/disk-source && systemctl start mnt-source.mount && mkdir /mnt/source/data && echo data > /mnt/source/data/file")
        machine.succeed("systemctl start backupservice-of-disk.service")

    with subtest("maintenance does not need what was backed up"):
        machine.succeed("umount /mnt/source && rm /run/disk-source", "systemctl start backupservice-of-disk-maintain.service")
        untouched("source")

    with subtest("nothing looks at a repository before its disk is mounted"):
        begun = [
            machine.get_unit_property(unit, "ActiveState")
            for unit in ("backupservice-missing.service", "backupservice-missing-prepare.service")
        ]
        assert begun == ["inactive", "inactive"], begun
        machine.fail("test -e /var/lib/backupservice-secrets/mnt-missing-backup")
        machine.succeed("touch /run/disk-missing")
        machine.wait_until_succeeds("grep -q success /var/lib/backupservice/missing/last-run.json")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-missing.service | grep -qx inactive")
        machine.succeed("test -e /mnt/missing/backup/config")

    with subtest("a disk that fails is told, with the remedy"):
        machine.succeed("umount /mnt/missing && rm /run/disk-missing && touch /run/broken-missing")
        machine.fail("systemctl start backupservice-missing.service")
        error = json.loads(machine.succeed("cat /var/lib/backupservice/missing/last-run.json"))["error"]
        assert "/mnt/missing is not mounted" in error["message"] and "mount /mnt/missing" in error["remedy"], error
        machine.fail("test -e /mnt/missing/backup")
  '';
}
