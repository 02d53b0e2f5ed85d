# Hooks run in order, as the user they ask for, with the facts of the run; one
# that fails before the backup fails it, and what was to follow follows.
{ pkgs, ... }:
{
  name = "hooks";

  nodes.machine =
    { ... }:
    let
      log =
        text:
        "echo \"${text} $(id -un) $BACKUP_PHASE \${BACKUP_OUTCOME-}\" >> /var/lib/myservice-log/hooks";

      mkInstance = hooks: {
        enable = true;
        user = "myservice";
        sourceDirectories = [ "/var/lib/myservice" ];
        repository.path = "/srv/backup/shared";
        quiesce.units = [ "myservice.service" ];
        inherit hooks;
      };

      mkHook = name: command: {
        inherit name command;
        readWritePaths = [ "/var/lib/myservice-log" ];
      };
    in
    {
      imports = [ ../modules ];

      backupservice.instances.good = mkInstance {
        beforeBackup = [
          (mkHook "one" (log "one"))
          (mkHook "two" (log "two") // { user = "root"; })
        ];
        afterBackup = [ (mkHook "three" (log "three")) ];
        beforeRestore = [ (mkHook "four" (log "four")) ];
        afterRestore = [ (mkHook "five" (log "five")) ];
      };

      backupservice.instances.failing = mkInstance {
        beforeBackup = [
          (mkHook "refuse" "${log "refuse"}; exit 3")
          (mkHook "never" (log "never"))
        ];
        afterBackup = [
          (mkHook "broken" "${log "broken"}; false")
          (mkHook "tidy" (log "tidy"))
        ];
      };

      backupservice.instances.slow = mkInstance {
        beforeBackup = [ (mkHook "sleep" "sleep infinity" // { timeout = "1s"; }) ];
        afterBackup = [ (mkHook "after" (log "after")) ];
      };

      # A service whose user exists only while one of its units runs.
      backupservice.instances.dynamic = {
        enable = true;
        user = "dynamic";
        sourceDirectories = [ "/var/lib/dynamic" ];
        repository.path = "/srv/backup/dynamic";
        hooks.beforeBackup = [ "id -nG > /var/lib/dynamic/groups-of-hook" ];
      };
      systemd.services.dynamic = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          DynamicUser = true;
          Group = "media";
          SupplementaryGroups = [ "video" ];
          StateDirectory = "dynamic";
          StateDirectoryMode = "0750";
          ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        };
      };
      users.groups.media = { };

      environment.systemPackages = [ pkgs.restic ];

      users.users.myservice = {
        isSystemUser = true;
        group = "myservice";
      };
      users.groups.myservice = { };
      systemd.tmpfiles.rules = [
        "d /var/lib/myservice 0750 myservice myservice -"
        "f /var/lib/myservice/data 0640 myservice myservice - precious"
        "d /var/lib/myservice-log 0777 root root -"
      ];

      systemd.services.myservice = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          User = "myservice";
          ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        };
      };
      # Goes down with the service, and must come back with it.
      systemd.services.companion = {
        wantedBy = [ "multi-user.target" ];
        requires = [ "myservice.service" ];
        after = [ "myservice.service" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
    };

  testScript = ''
    import json

    def log():
        lines = machine.succeed("cat /var/lib/myservice-log/hooks").splitlines()
        machine.succeed("rm /var/lib/myservice-log/hooks", "chmod 0777 /var/lib/myservice-log")
        return [line.rstrip() for line in lines]

    def last_run(instance):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))

    def snapshot_count():
        return len(json.loads(machine.succeed(
            "restic --no-cache --repo /srv/backup/shared --password-file"
            " /var/lib/backupservice-secrets/srv-backup-shared snapshots --json"
        )))

    machine.start()
    machine.wait_for_unit("companion.service")
    started = machine.get_unit_property("myservice.service", "InvocationID")

    with subtest("hooks run in order, each as its user"):
        machine.succeed("systemctl start backupservice-good.service")
        got = log()
        assert [line.split()[:2] for line in got] == [
            ["one", "myservice"],
            ["two", "root"],
            ["three", "myservice"],
        ], got
        assert got[2].endswith("success"), got
        assert snapshot_count() == 1

    with subtest("a quiesced unit and what requires it are running again"):
        machine.succeed("systemctl is-active myservice.service companion.service")
        assert machine.get_unit_property("myservice.service", "InvocationID") != started

    with subtest("a failing hook fails the unit, runs afterBackup, leaves no snapshot"):
        machine.fail("systemctl start backupservice-failing.service")
        assert machine.get_unit_property("backupservice-failing.service", "Result") == "exit-code"
        got = log()
        assert [line.split()[0] for line in got] == ["refuse", "broken", "tidy"], got
        assert got[2].endswith("failed"), got
        assert snapshot_count() == 1
        run = last_run("failing")
        assert run["outcome"] == "failed" and run["snapshot"] is None, run
        assert run["cleanupFailed"], run
        assert "refuse" in run["error"]["message"], run
        machine.succeed("systemctl is-active myservice.service companion.service")

    with subtest("a hook has a timeout"):
        machine.fail("systemctl start backupservice-slow.service")
        assert last_run("slow")["outcome"] == "failed", last_run("slow")
        assert "did not end in time" in last_run("slow")["error"]["message"], last_run("slow")
        assert [line.split()[0] for line in log()] == ["after"]

    with subtest("a restore runs its own hooks"):
        machine.succeed("rm /var/lib/myservice/data")
        machine.succeed("backupservice restore good")
        assert [line.split()[0] for line in log()] == ["four", "five"]
        assert machine.succeed("cat /var/lib/myservice/data") == "precious"

    with subtest("a hook of a DynamicUser has its groups, and leaves its directory as it is"):
        look = "stat -c '%u %G %a' /var/lib/private/dynamic"
        machine.wait_for_unit("dynamic.service")
        machine.succeed("echo precious > /var/lib/private/dynamic/data")
        before = machine.succeed(look)
        assert before.endswith(" media 750\n"), before
        machine.succeed("systemctl start backupservice-dynamic.service")
        assert machine.succeed(look) == before
        machine.succeed("systemctl is-active dynamic.service")
        groups = machine.succeed("cat /var/lib/private/dynamic/groups-of-hook").split()
        assert set(groups) >= {"media", "video"}, groups

    with subtest("what happened is in the journal, under the instance"):
        machine.succeed("journalctl --sync && journalctl BACKUP_INSTANCE=failing _SYSTEMD_UNIT=backupservice-failing.service | grep refuse")
  '';
}
