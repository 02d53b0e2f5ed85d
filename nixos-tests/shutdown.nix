# A machine that shuts down during a run: the run ends in time, without what cannot be done
# then, and the next boot does that.
{ pkgs, lib, ... }:
{
  name = "shutdown";

  nodes.machine =
    { ... }:
    let
      mkInstance =
        settings:
        {
          enable = true;
          user = "root";
          sourceDirectories = [ "/var/lib/app" ];
          repository.path = "/srv/backup/app";
          quiesce.units = [ "app.service" ];
          restore.units = [ "app.service" ];
        }
        // settings;
      told = name: {
        inherit name;
        command = "echo $BACKUP_INSTANCE $BACKUP_OUTCOME >> /var/lib/log/told";
        readWritePaths = [ "/var/lib/log" ];
      };
    in
    {
      imports = [
        ../modules
        ./suites/holding.nix
      ];

      backupservice.instances.app = mkInstance { hooks.afterBackup = [ (told "tell") ]; };
      backupservice.instances.deaf = mkInstance {
        # Neither reads nor ends.
        streams.db.dump = "trap : TERM; while [ -e /run/gate ]; do sleep 0.1 || true; done; echo dump";
        streams.db.load = "cat > /dev/null";
      };
      backupservice.instances.slow = mkInstance {
        hooks.afterBackup = [
          {
            name = "wait";
            command = "while [ -e /run/gate ]; do sleep 0.1; done";
          }
        ];
      };

      systemd.services = {
        app = {
          wantedBy = [ "multi-user.target" ];
          serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
        };
        # Shorter than on users' machines, where this test would take as long as they do.
        backupservice-deaf-dump-db.serviceConfig.TimeoutStopSec = lib.mkForce "5s";
        backupservice-slow.serviceConfig.TimeoutStopSec = lib.mkForce "20s";
      };

      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
        "d /var/lib/log 0755 root root -"
      ];
      environment.systemPackages = [ pkgs.restic ];
    };

  testScript = ''
    ${builtins.readFile ./suites/holding/script.py}
    import json
    import time

    def outcome(name):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{name}/last-run.json"))

    def hold_for_good(file):
        """Not even a shutdown lets go."""
        machine.succeed(
            "systemd-run --quiet --unit=hold --property=Type=notify --property=NotifyAccess=all"
            f" --property=DefaultDependencies=no python3 /etc/holding/hold.py {file}",
        )

    def run_id(unit):
        return machine.get_unit_property(unit, "InvocationID")

    def boot():
        """The next boot, when everything is as if there had been no run."""
        machine.start()
        machine.wait_for_unit("multi-user.target")
        machine.wait_until_succeeds("systemctl show -P Job backupservice-recover.service | grep -vq .")
        machine.succeed("systemctl is-active app.service")
        machine.fail("ls /var/lib/backupservice/*/intent.json /var/lib/backupservice/.restores/*/intent.json")

    def said(unit):
        """What a unit said in the last boot."""
        return machine.succeed(f"journalctl --no-pager --boot=-1 --output=cat _SYSTEMD_UNIT={unit} + UNIT={unit}")

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("backupservice run app", "rm /var/lib/log/told")

    with subtest("a backup whose provider hangs is killed, and the next boot starts its services"):
        machine.succeed("echo new > /var/lib/app/pending")
        hold_for_good("/var/lib/app/pending")
        machine.succeed("systemctl start --no-block backupservice-app.service")
        wait_until_held()
        machine.fail("systemctl is-active app.service")
        run = run_id("backupservice-app.service")
        machine.shutdown()
        boot()
        machine.log(said("backupservice-app.service"))
        record = outcome("app")
        assert record["runId"] == run and record["outcome"] == "cancelled", record
        assert not record["cleanupFailed"], record
        # It could ask systemd until its end.
        ends = machine.succeed(
            "journalctl --boot=-1 --quiet --output=cat UNIT=dbus.service + UNIT=polkit.service + UNIT=backupservice-app.service"
            " | grep -E '^(Stopping (dbus|polkit)|Stopped backupservice-app)'"
        ).splitlines()
        assert len(ends) == 3 and ends[0].startswith("Stopped backupservice-app"), ends
        assert machine.succeed("cat /var/lib/log/told") == "app cancelled\n"
        machine.succeed("backupservice run app", "rm /var/lib/log/told")
        assert outcome("app")["outcome"] == "success", outcome("app")

    with subtest("a backup that hangs itself, on a bad disk, is killed at its limit"):
        hold_for_good("/var/lib/backupservice/app/repository.json")
        machine.succeed("systemctl start --no-block backupservice-app.service")
        wait_until_held()
        run = run_id("backupservice-app.service")
        machine.shutdown()
        boot()
        machine.log(said("backupservice-app.service"))
        record = outcome("app")
        assert record["runId"] == run and record["outcome"] == "failed", record
        machine.succeed("backupservice run app", "rm /var/lib/log/told")

    with subtest("a dump that ignores SIGTERM holds the shutdown until its own limit, and no longer"):
        machine.succeed("touch /run/gate && systemctl start --no-block backupservice-deaf.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-deaf-dump-db.service | grep -qx activating")
        run = run_id("backupservice-deaf.service")
        machine.shutdown()
        boot()
        machine.log(said("backupservice-deaf.service"))
        record = outcome("deaf")
        assert record["runId"] == run and record["outcome"] == "cancelled", record
        machine.succeed("backupservice run deaf")

    with subtest("a restore is undone"):
        machine.succeed("echo mine > /var/lib/app/data")
        hold("$(find /srv/backup/app/data -type f)")
        machine.succeed("systemd-run --quiet --collect --unit=asked backupservice restore app")
        wait_until_held()
        machine.shutdown()
        boot()
        assert machine.succeed("cat /var/lib/app/data") == "mine\n"
        machine.succeed("backupservice restore app && grep -qx data /var/lib/app/data")

    with subtest("without a shutdown, what follows a run takes the time that it needs"):
        limit = 20
        machine.succeed("touch /run/gate && systemctl start --no-block backupservice-slow.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-slow-after-wait.service | grep -qx activating")
        run = run_id("backupservice-slow.service")
        machine.succeed("systemctl stop --no-block backupservice-slow.service")
        asked = time.monotonic()
        while time.monotonic() < asked + 1.5 * limit:
            machine.succeed("systemctl show -P ActiveState backupservice-slow.service | grep -qx deactivating")
            time.sleep(1)
        machine.succeed("systemctl show -P SubState backupservice-slow.service | grep -qx stop-sigterm")
        machine.succeed("rm /run/gate")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-slow.service | grep -qxE 'inactive|failed'")
        record = outcome("slow")
        assert record["runId"] == run and not record["cleanupFailed"], record
        machine.succeed(
            "test $(journalctl --boot --quiet --output=cat UNIT=backupservice-slow-after-wait.service | grep -c ^Starting) = 1"
        )
        machine.succeed("systemctl is-active app.service")
  '';
}
