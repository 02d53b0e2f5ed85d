# What can be wrong on the machine, and that each is told with its remedy.
{ pkgs, ... }:
{
  name = "failures";

  nodes.machine =
    { ... }:
    let
      mkInstance = name: settings: {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/${name}" ];
        repository = {
          path = "/srv/backup/${name}";
        }
        // settings;
      };
    in
    {
      imports = [ ../modules ];

      backupservice.instances.missing = mkInstance "missing" { };
      backupservice.instances.empty = mkInstance "empty" { };
      backupservice.instances.password = mkInstance "password" { passwordFile = "/etc/backup-password"; };
      backupservice.instances.known = mkInstance "known" { };
      backupservice.instances.unmounted = mkInstance "unmounted" { path = "/mnt/disk/backup"; };

      backupservice.instances.remote = mkInstance "remote" {
        path = "rest:http://127.0.0.1:8000/remote";
      };

      systemd.services.rest-server = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.restic-rest-server}/bin/${pkgs.restic-rest-server.meta.mainProgram} --no-auth --listen 127.0.0.1:8000 --path /srv/rest";
      };

      fileSystems."/mnt/disk" = {
        device = "/dev/a-disk-that-is-not-connected";
        fsType = "ext4";
        options = [
          "noauto"
          "x-systemd.device-timeout=1s"
        ];
      };

      environment.systemPackages = [ pkgs.restic ];
      systemd.tmpfiles.rules = [
        "d /var/lib/empty 0755 root root -"
        "d /var/lib/password 0755 root root -"
        "f /var/lib/password/data 0644 root root - data"
        "d /var/lib/known 0755 root root -"
        "f /var/lib/known/data 0644 root root - data"
        "d /var/lib/remote 0755 root root -"
        "f /var/lib/remote/data 0644 root root - data"
        "d /var/lib/unmounted 0755 root root -"
        "f /var/lib/unmounted/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json

    def fails(instance, *texts):
        """Starts a backup that must fail, and say why and what to do."""
        machine.fail(f"systemctl start backupservice-{instance}.service")
        run = json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))
        assert run["outcome"] == "failed" and run["snapshot"] is None, run
        error = run["error"]
        machine.log(f"{error['message']} {error['remedy']}")
        assert error["remedy"], run
        for text in texts:
            assert text in error["message"] + error["remedy"], (text, error)
        journal = machine.succeed(f"journalctl --sync && journalctl --no-pager -u backupservice-{instance}.service")
        assert error["message"] in journal and error["remedy"][1:] in journal, journal

    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("a missing source is refused"):
        fails("missing", "/var/lib/missing", "does not exist")
        machine.fail("test -e /srv/backup/missing/config")

    with subtest("an empty source is refused"):
        fails("empty", "/var/lib/empty", "empty")

    with subtest("a missing password file is named"):
        fails("password", "repository.passwordFile", "/etc/backup-password")

    with subtest("a wrong password is told, and changes nothing"):
        machine.succeed("echo right > /etc/backup-password")
        machine.succeed("systemctl start backupservice-password.service")
        machine.succeed("echo wrong > /etc/backup-password")
        before = machine.succeed("find /srv/backup/password -type f | sort | xargs sha256sum")
        fails("password", "password")
        assert machine.succeed("find /srv/backup/password -type f | sort | xargs sha256sum") == before

    with subtest("an existing repository is not given a new password"):
        machine.succeed("systemctl start backupservice-known.service")
        machine.succeed("mv /var/lib/backupservice-secrets/srv-backup-known /root/kept")
        fails("known", "/var/lib/backupservice-secrets/srv-backup-known")
        machine.fail("test -e /var/lib/backupservice-secrets/srv-backup-known")
        secrets = machine.succeed("journalctl --sync && journalctl --no-pager -u backupservice-secrets@srv-backup-known.service")
        assert "/srv/backup/known" in secrets, secrets
        machine.succeed("cp /root/kept /var/lib/backupservice-secrets/srv-backup-known")
        machine.succeed("systemctl start backupservice-known.service")

    with subtest("a repository on the network is asked before a password is generated"):
        machine.wait_for_open_port(8000)

        def passwords():
            found = "find /var/lib/backupservice-secrets -name '*8000*'"
            return machine.succeed(found).splitlines()

        assert passwords() == []
        machine.succeed("systemctl start backupservice-remote-maintain.service")
        assert passwords() == [], "only a backup creates the repository"
        machine.succeed("systemctl start backupservice-remote.service")
        (password,) = passwords()
        machine.succeed("backupservice snapshots remote")
        # As on a machine that replaces this one.
        machine.succeed(
            f"mv '{password}' /root/kept-remote",
            "rm -r /var/lib/backupservice/remote /var/cache/backupservice/remote",
        )
        fails("remote", "exists already, but its password is not in", "repository.passwordFile")
        assert passwords() == []
        _, said = machine.execute("backupservice restore remote 2>&1")
        assert "exists already, but its password is not in" in said, said
        machine.succeed(f"mv /root/kept-remote '{password}'")
        machine.succeed("systemctl start backupservice-remote.service")

    with subtest("a disk that is not mounted is not written below"):
        fails("unmounted", "/mnt/disk", "mount")
        machine.fail("test -e /mnt/disk/backup")
        machine.succeed("mkdir -p /mnt/disk && mount -t tmpfs tmpfs /mnt/disk")
        machine.succeed("systemctl start backupservice-unmounted.service")
        machine.succeed("test -f /mnt/disk/backup/config")

    with subtest("a failed run is shown"):
        status = machine.succeed("backupservice status")
        assert "failed" in status, status
  '';
}
