# The same contract with borg: backed up, lost, restored; and a hook that fails.
{ pkgs, ... }:
{
  name = "borg";

  nodes.machine =
    { ... }:
    let
      contract = {
        enable = true;
        provider = "borg";
        user = "myservice";
        sourceDirectories = [ "/var/lib/myservice" ];
        excludePatterns = [ "*.tmp" ];
        streams.words = {
          dump = "echo words of a database";
          load = "cat > /var/lib/myservice/loaded";
        };
        restore.units = [ "myservice.service" ];
        repository.path = "/srv/backup/myservice";
      };
    in
    {
      imports = [ ../modules ];

      backupservice.instances.myservice = contract;
      backupservice.instances.failing = contract // {
        hooks.beforeBackup = [ "exit 3" ];
      };

      environment.systemPackages = [ pkgs.borgbackup ];

      users.users.myservice = {
        isSystemUser = true;
        group = "myservice";
      };
      users.groups.myservice = { };
      systemd.tmpfiles.rules = [ "d /var/lib/myservice 0750 myservice myservice -" ];

      systemd.services.myservice = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          User = "myservice";
          ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        };
      };
    };

  testScript = ''
    import json

    def contents():
        return machine.succeed(
            "cd /var/lib/myservice && find . ! -name loaded -printf '%y %m %u %g %p\n' | sort"
            " && find . -type f ! -name loaded -exec sha256sum {} + | sort"
        )

    def archives():
        """As plain borg lists them."""
        listed = machine.succeed(
            "BORG_PASSCOMMAND='cat /var/lib/backupservice-secrets/srv-backup-myservice'"
            " BORG_BASE_DIR=/tmp/borg borg list --json /srv/backup/myservice"
        )
        return json.loads(listed)["archives"]

    machine.start()
    machine.wait_for_unit("myservice.service")
    machine.succeed(
        "cd /var/lib/myservice && mkdir shared && echo precious > shared/data && touch cache.tmp"
        " && chown -R myservice: . && chmod 2770 shared"
    )

    with subtest("a backup makes one archive, in the same sandbox"):
        machine.succeed("systemctl start backupservice-myservice.service")
        assert len(archives()) == 1, archives()
        run = json.loads(machine.succeed("cat /var/lib/backupservice/myservice/last-run.json"))
        assert run["outcome"] == "success" and run["provider"] == "borg", run
        machine.succeed("systemd-analyze security --threshold=15 --no-pager backupservice-myservice.service")

    with subtest("a lock that a crash left does not stop the next run"):
        owner = "myservice@machine-0123456789abcdef"
        note = json.dumps({"version": 1, "instance": "myservice", "owner": owner, "processes": []})
        machine.succeed(
            "install -d -o backupservice /srv/backup/myservice/lock.exclusive"
            f" && install -o backupservice /dev/null /srv/backup/myservice/lock.exclusive/{owner}.4194303-0",
            f"cd /var/lib/backupservice/.holders/* && echo '{note}' > 0123456789abcdef.json"
            " && chown backupservice 0123456789abcdef.json",
        )
        machine.succeed("systemctl start backupservice-myservice.service")
        assert len(archives()) == 2, archives()

    with subtest("what was lost comes back, with owners and modes, and without what is excluded"):
        machine.succeed("rm /var/lib/myservice/cache.tmp")
        saved = contents()
        machine.succeed("rm -rf /var/lib/myservice")
        machine.succeed("backupservice restore myservice")
        assert contents() == saved, contents() + saved
        machine.succeed("grep -x 'words of a database' /var/lib/myservice/loaded")
        machine.succeed("systemctl is-active myservice.service")

    with subtest("a failing hook leaves no archive"):
        machine.fail("systemctl start backupservice-failing.service")
        assert len(archives()) == 2, archives()

    with subtest("status and snapshots know it"):
        assert "borg" in machine.succeed("backupservice status")
        snapshots = json.loads(machine.succeed("backupservice snapshots myservice --json"))
        assert [s["id"] for s in snapshots] == [a["id"] for a in archives()], snapshots

    with subtest("its snapshots can be looked into"):
        listed = machine.succeed("backupservice ls myservice --json")
        paths = [json.loads(line)["path"] for line in listed.splitlines()]
        assert sorted(paths) == ["/var/lib/backupservice/.staging/myservice", "/var/lib/myservice"], paths
        dump = "/var/lib/backupservice/.staging/myservice/words"
        assert machine.succeed(f"backupservice dump myservice latest {dump}") == "words of a database\n"

    with subtest("a wrong password is told, and changes nothing"):
        machine.succeed("echo wrong > /var/lib/backupservice-secrets/srv-backup-myservice")
        machine.fail("systemctl start backupservice-myservice.service")
        run = json.loads(machine.succeed("cat /var/lib/backupservice/myservice/last-run.json"))
        assert run["outcome"] == "failed" and "password" in run["error"]["message"], run
  '';
}
