# Who can reach what. Each refusal has its negative control: the same attempt,
# made where it is allowed, succeeds.
{ pkgs, lib, ... }:
{
  name = "sandbox";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.myservice = {
        enable = true;
        user = "myservice";
        sourceDirectories = [
          "/var/lib/myservice"
          "/var/lib/dynamic"
        ];
        repository.path = "/srv/backup/myservice";
        hooks.beforeBackup = [
          {
            name = "spy";
            user = "root";
            command = ''
              cat /etc/hostname > /dev/null
              echo written > /var/lib/myservice/hook
              {
                cat /var/lib/backupservice-secrets/* && echo "read a password"
                cat /run/credentials/backupservice-myservice.service/* && echo "read a credential"
                cat /srv/backup/myservice/config && echo "read the repository"
                touch /etc/backupservice-was-here && echo "wrote /etc"
              } > /var/lib/myservice/spy 2> /dev/null || true
            '';
          }
        ];
      };

      users.users.myservice = {
        isSystemUser = true;
        group = "myservice";
      };
      users.groups.myservice = { };
      systemd.tmpfiles.rules = [ "d /var/lib/myservice 0750 myservice myservice -" ];

      # Its state is a symlink to a private directory.
      systemd.services.dynamic = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          DynamicUser = true;
          StateDirectory = "dynamic";
          Type = "oneshot";
          RemainAfterExit = true;
        };
        script = "echo precious > /var/lib/dynamic/data";
      };

      systemd.services.bystander = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
    };

  testScript = ''
    unit = "backupservice-myservice.service"
    properties = (
        "User Group AmbientCapabilities CapabilityBoundingSet TemporaryFileSystem MountAPIVFS"
        " BindPaths BindReadOnlyPaths PrivateNetwork PrivateTmp NoNewPrivileges ProtectProc ProcSubset"
    )

    def inside(command):
        """Runs a command where the provider runs: same identity, same view."""
        settings = machine.succeed(f"systemctl cat {unit}").splitlines()
        wanted = properties.split()
        options = [
            f"--property='{line}'"
            for line in settings
            if line.split("=")[0] in wanted
        ]
        debian = "--property='BindReadOnlyPaths=-/usr -/bin -/lib -/lib64'"
        return (
            "systemd-run --quiet --wait --pipe --collect "
            + " ".join(options) + f" {debian} -- /bin/sh -c '{command}'"
        )

    machine.start()
    machine.wait_for_unit("bystander.service")
    machine.succeed("echo other > /var/lib/other", "echo mine > /var/lib/myservice/data")
    machine.succeed(f"systemctl start {unit}")

    with subtest("the main unit is rated safe"):
        rating = machine.succeed(f"systemd-analyze security --no-pager {unit} | tail -1")
        machine.log(rating.strip())
        machine.succeed(f"systemd-analyze security --threshold=15 --no-pager {unit}")

    with subtest("the provider sees what is declared, and nothing else"):
        machine.succeed(inside("cat /var/lib/myservice/data"))
        machine.fail(inside("cat /var/lib/other"))
        machine.succeed("cat /var/lib/other")
        machine.fail(inside("ls /root /home /etc/shadow /var/lib/backupservice-secrets"))

    with subtest("the provider writes to its repository, and nowhere else"):
        machine.succeed(inside("touch /srv/backup/myservice/allowed && rm /srv/backup/myservice/allowed"))
        machine.fail(inside("touch /var/lib/myservice/forbidden"))
        machine.fail(inside("touch /srv/forbidden"))
        machine.fail(inside("touch /forbidden"))

    with subtest("the state of a DynamicUser is saved, not the symlink to it"):
        machine.succeed("test -L /var/lib/dynamic")
        machine.succeed("backupservice restore myservice --target /srv/inspect")
        machine.succeed("grep precious /srv/inspect/var/lib/dynamic/data")

    with subtest("a hook, even one that runs as root, reaches neither credentials nor repository"):
        machine.succeed("test -s /var/lib/myservice/hook")
        assert machine.succeed("cat /var/lib/myservice/spy") == ""
        machine.succeed("cat /var/lib/backupservice-secrets/* /srv/backup/myservice/config > /dev/null")
        machine.fail("test -e /etc/backupservice-was-here")

    with subtest("the identity of the executor alone starts and stops nothing"):
        start = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager {} ss {} replace"
        as_executor = "setpriv --reuid backupservice --regid backupservice --clear-groups "
        machine.fail(as_executor + start.format("StartUnit", "backupservice-myservice-before-spy.service"))
        machine.succeed(start.format("StartUnit", "backupservice-myservice-before-spy.service"))
        machine.fail(as_executor + start.format("StopUnit", "bystander.service"))
        machine.fail(as_executor + start.format("StartUnit", "backupservice-myservice-restore@latest.service"))
        machine.succeed("systemctl is-active bystander.service")
        machine.succeed(start.format("StopUnit", "bystander.service"))

    with subtest("the state is there to be read, the password is not"):
        machine.succeed("setpriv --reuid nobody --clear-groups cat /var/lib/backupservice/myservice/last-run.json")
        machine.fail("setpriv --reuid nobody --clear-groups cat /var/lib/backupservice-secrets/srv-backup-myservice")
        machine.fail("journalctl --sync && journalctl --no-pager | grep -F -f /var/lib/backupservice-secrets/srv-backup-myservice")
  '';
}
