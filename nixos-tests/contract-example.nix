# The example of the contract's documentation, to the letter but for `config.`
# and a real second repository: backed up, lost, and restored.
{ pkgs, ... }:
{
  name = "contract-example";

  nodes.machine =
    {
      config,
      lib,
      contracts,
      ...
    }:
    {
      imports = [ ../modules ];

      options = {
        myservice.backup = lib.mkOption {
          type = contracts.backup;
          readOnly = true;
          default = {
            user = "myservice";
            sourceDirectories = [
              "/var/lib/myservice"
            ];
          };
        };
      };

      config = {
        backupservice.instances.myservice = config.myservice.backup // {
          enable = true;

          repository = {
            path = "/srv/backup/myservice";
          };

          # ... Other options specific to backupservice like scheduling.
        };

        backupservice.instances.myservice_2 = config.myservice.backup // {
          enable = true;

          repository = {
            path = "/srv/mirror/myservice";
          };
        };

        environment.systemPackages = [ pkgs.restic ];

        users.users.myservice = {
          isSystemUser = true;
          group = "myservice";
        };
        users.groups.myservice = { };
        systemd.tmpfiles.rules = [ "d /var/lib/myservice 0750 myservice myservice -" ];
      };
    };

  testScript = ''
    import json

    restic = (
        "restic --no-cache --repo /srv/backup/myservice"
        " --password-file /var/lib/backupservice-secrets/srv-backup-myservice"
    )

    def snapshots():
        """Snapshot ids as plain restic lists them, oldest first."""
        return [s["id"] for s in json.loads(machine.succeed(f"{restic} snapshots --json"))]

    def contents():
        """Every file with type, mode, owner, group, size and digest."""
        return machine.succeed(
            "cd /var/lib/myservice && find . -printf '%y %m %u %g %p\n' | sort"
            " && find . -type f -exec sha256sum {} + | sort"
        )

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed(
        "cd /var/lib/myservice"
        " && echo first > note"
        " && mkdir shared"
        " && echo secret > shared/key && chmod 0600 shared/key"
        " && ln -s note link"
        " && ln note hard"
        " && chown -hR myservice:myservice ."
        " && chmod 2770 shared"
        " && echo root > owned-by-root"
    )
    first = contents()

    with subtest("a backup makes one snapshot and says so"):
        machine.succeed("systemctl start backupservice-myservice.service")
        assert machine.get_unit_property("backupservice-myservice.service", "Result") == "success"
        assert len(snapshots()) == 1
        entries = machine.succeed(
            "journalctl --sync && journalctl --output json _SYSTEMD_UNIT=backupservice-myservice.service"
            " BACKUP_OUTCOME=success"
        ).splitlines()
        entry = json.loads(entries[-1])
        assert entry["BACKUP_INSTANCE"] == "myservice", entry
        assert entry["BACKUP_PROVIDER"] == "restic", entry
        assert snapshots()[0].startswith(entry["BACKUP_SNAPSHOT"]), entry
        assert int(entry["BACKUP_BYTES_ADDED"]) > 0, entry
        run = json.loads(machine.succeed("cat /var/lib/backupservice/myservice/last-run.json"))
        assert run["outcome"] == "success" and not run["cleanupFailed"], run
        assert run["runId"] == entry["BACKUP_RUN_ID"], (run, entry)

    with subtest("a changed service is backed up again"):
        machine.succeed("echo second > /var/lib/myservice/note", "rm /var/lib/myservice/hard")
        machine.succeed("systemctl start backupservice-myservice.service")
        assert len(snapshots()) == 2
    second = contents()

    with subtest("the same contract is backed up to a second repository"):
        machine.succeed("systemctl start backupservice-myservice_2.service")
        machine.succeed("test -f /srv/mirror/myservice/config")

    with subtest("what was lost comes back, with contents, owners and modes"):
        machine.succeed("rm -rf /var/lib/myservice")
        machine.succeed("backupservice restore myservice")
        assert contents() == second, contents() + second

    with subtest("an older snapshot comes back too, and what was there is kept"):
        machine.succeed("echo third > /var/lib/myservice/note")
        machine.succeed(f"backupservice restore myservice --snapshot {snapshots()[0]}")
        assert contents() == first, contents() + first
        machine.succeed("grep third /var/lib/.myservice.before-restore-*/note")

    with subtest("without a request nothing is restored"):
        machine.fail("systemctl start backupservice-myservice-restore@latest.service")
        assert contents() == first
        machine.succeed("journalctl -u 'backupservice-myservice-restore@*' | grep 'nothing is restored: there is no request'")
        machine.succeed("test -z \"$(find /run/backupservice/.requests -type f)\"")
        machine.succeed("backupservice restore myservice")
        assert contents() == second

    with subtest("a restore elsewhere changes nothing here"):
        machine.succeed("SUDO_UID=1234 SUDO_GID=567 backupservice restore myservice --target /srv/inspect")
        made = "/srv/inspect /srv/inspect/var /srv/inspect/var/lib"
        owners = machine.succeed(f"stat -c '%u:%g %a' {made}").splitlines()
        assert set(owners) == {"1234:567 700"}, owners
        kept = [machine.succeed(f"stat -c %u:%g {at}/var/lib/myservice") for at in ("", "/srv/inspect")]
        assert kept[0] == kept[1], kept
        machine.succeed("grep second /srv/inspect/var/lib/myservice/note")
        assert contents() == second

    with subtest("status and snapshots answer people and programs"):
        status = machine.succeed("backupservice status")
        assert "myservice" in status and "success" in status, status
        for entry in json.loads(machine.succeed("backupservice status --json")):
            assert entry["lastRun"]["outcome"] == "success", entry
        listed = json.loads(machine.succeed("backupservice snapshots myservice --json"))
        assert [s["id"] for s in listed] == snapshots(), listed

    with subtest("the timer is persistent, spread out, and waits"):
        machine.succeed("systemctl is-active backupservice-myservice.timer")
        timer = machine.succeed("systemctl cat backupservice-myservice.timer")
        assert "Persistent=true" in timer and "RandomizedDelaySec=1h" in timer, timer
  '';
}
