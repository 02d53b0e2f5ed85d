# Two instances that need the same unit to be down do not fight about it, and one
# that comes back by itself is told.
{ pkgs, ... }:
{
  name = "shared-quiesce";

  nodes.machine =
    { ... }:
    let
      mkInstance = name: {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/${name}";
        quiesce.units = [
          "app.service"
          "idle.service"
        ];
        # Holds the run up while the unit is down.
        streams.db.dump = ''
          while [ -e /run/gate-${name} ]; do sleep 0.1; done
          echo dump
        '';
        streams.db.load = "cat > /dev/null";
      };
      sleeps.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
    in
    {
      imports = [ ../modules ];

      backupservice.instances.a = mkInstance "a";
      backupservice.instances.b = mkInstance "b";

      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
      ];
      systemd.services.app = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = sleeps;
      };
      systemd.services.companion = {
        wantedBy = [ "multi-user.target" ];
        requires = [ "app.service" ];
        after = [ "app.service" ];
        serviceConfig = sleeps;
      };
      systemd.services.idle.serviceConfig = sleeps;
      # Not of any instance.
      systemd.services.foreign.serviceConfig = sleeps;
      environment.systemPackages = [ pkgs.restic ];
    };

  testScript = ''
    import json

    def units():
        states = machine.execute("systemctl is-active app.service companion.service idle.service")[1]
        return states.split()

    UP, DOWN = ["active", "active", "inactive"], ["inactive", "inactive", "inactive"]

    def begin(name):
        """A run that is held up while the unit is down."""
        machine.succeed(f"touch /run/gate-{name} && systemctl start --no-block backupservice-{name}.service")
        machine.wait_until_succeeds(f"systemctl show -P ActiveState backupservice-{name}-dump-db | grep -qx activating")
        assert units() == DOWN, units()

    def wait(name):
        machine.wait_until_succeeds(
            f"systemctl show -P ActiveState backupservice-{name}.service | grep -qxE 'inactive|failed'"
        )
        # If SIGKILL hit what recovers as well.
        machine.wait_until_succeeds(
            "systemctl show -P ActiveState -P Job backupservice-recover.service | grep -qxE 'inactive|failed'"
            " && ! systemctl show -P Job backupservice-recover.service | grep -q ."
        )

    def go_on(name):
        machine.succeed(f"rm -f /run/gate-{name}")
        wait(name)

    def kill(name):
        machine.succeed(f"systemctl kill --signal=KILL backupservice-{name}.service")
        wait(name)

    def outcome(name):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{name}/last-run.json"))

    machine.start()
    machine.wait_for_unit("companion.service")
    for name in ("a", "b"):
        machine.succeed(f"systemctl start backupservice-{name}.service")
    assert units() == UP, units()

    with subtest("a unit that could not be started again is named, before anything is stopped"):
        machine.succeed(
            "printf '[Unit]\\nRequires=companion.service\\nAfter=companion.service\\n[Service]\\nExecStart=sleep infinity\\n'"
            " > /run/systemd/system/stranger.service",
            "systemctl daemon-reload && systemctl start stranger.service",
        )
        before = [machine.get_unit_property(unit, "InvocationID") for unit in ("app.service", "stranger.service")]
        machine.fail("systemctl start backupservice-a.service")
        after = [machine.get_unit_property(unit, "InvocationID") for unit in ("app.service", "stranger.service")]
        machine.succeed("systemctl is-active stranger.service")
        assert units() == UP and after == before, (units(), before, after)
        error = outcome("a")["error"]
        assert "stranger.service" in error["message"] and "systemd.services" in error["remedy"], error
        # An idle one takes no harm.
        machine.succeed("systemctl stop stranger.service && systemctl start backupservice-a.service")
        assert units() == UP, units()
        machine.succeed("rm /run/systemd/system/stranger.service && systemctl daemon-reload")

    for first, second in (("a", "b"), ("b", "a")):
        with subtest(f"the unit is started by the last: {first} ends before {second}"):
            begin("a")
            begin("b")
            go_on(first)
            assert units() == DOWN, units()
            assert outcome(first)["outcome"] == "success", outcome(first)
            go_on(second)
            assert units() == UP, units()
            assert outcome(second)["outcome"] == "success", outcome(second)

        with subtest(f"also when {first} is killed before {second} ends"):
            begin("a")
            begin("b")
            kill(first)
            assert units() == DOWN, units()
            go_on(second)
            assert units() == UP, units()
            assert outcome(second)["outcome"] == "success", outcome(second)
            machine.succeed(f"rm -f /run/gate-{first}")

        with subtest(f"also when {second} is killed after {first} has ended"):
            begin("a")
            begin("b")
            go_on(first)
            assert units() == DOWN, units()
            kill(second)
            assert units() == UP, units()
            machine.succeed(f"rm -f /run/gate-{second}")

    with subtest("a crash of the machine forgets nothing and nobody"):
        begin("a")
        begin("b")
        machine.crash()
        machine.start()
        machine.wait_for_unit("multi-user.target")
        machine.wait_until_succeeds("! ls /var/lib/backupservice/*/intent.json")
        assert units() == UP, units()
        for name in ("a", "b"):
            assert "in phase dump" in outcome(name)["error"]["message"], outcome(name)
            machine.succeed(f"systemctl start backupservice-{name}.service")
        assert units() == UP, units()

    with subtest("a unit that did not run stays down, whoever asks"):
        machine.succeed("systemctl stop app.service")
        begin("a")
        begin("b")
        go_on("a")
        go_on("b")
        assert units() == DOWN, units()
        machine.succeed("systemctl start app.service companion.service")

    with subtest("an instance that is gone: what can be done is done, and the rest is told"):
        machine.succeed("systemctl stop app.service")
        intent = {
            "version": 1, "instance": "gone", "provider": "restic", "operation": "backup", "runId": "feed",
            "started": "2026-01-01T00:00:00Z", "attempt": 1, "phase": "backup", "outcome": None, "snapshot": None,
            "steps": [
                {"action": "hook", "phase": "after-backup", "name": "x", "unit": "backupservice-gone-after-x.service", "done": False},
                {"action": "start", "unit": "foreign.service", "done": False},
                {"action": "start", "unit": "companion.service", "done": False},
                {"action": "start", "unit": "app.service", "done": False},
            ],
        }
        state = "/var/lib/backupservice/gone"
        staging = "/var/lib/backupservice/.staging/gone"
        machine.succeed(
            f"install -d -o backupservice {state} && install -d {staging} && echo dump > {staging}/db",
            f"echo '{json.dumps(intent)}' > {state}/intent.json && chown -R backupservice {state}",
        )
        machine.fail("systemctl start backupservice-recover.service")
        assert units() == UP, units()
        machine.succeed(f"test -e {staging}/db && ! test -s {staging}/db && ! test -e {state}/intent.json")
        told = machine.succeed("journalctl --sync && journalctl --no-pager -u backupservice-recover.service")
        assert "systemctl start foreign.service" in told and "backupservice-gone-after-x.service" in told, told
        assert outcome("gone")["outcome"] == "failed", outcome("gone")
        # There is nothing left to do.
        machine.succeed("systemctl start backupservice-recover.service")

    with subtest("a unit that comes back by itself makes both incomplete"):
        begin("a")
        begin("b")
        # This test has started it often.
        machine.succeed("systemctl reset-failed app.service; systemctl start app.service")
        for name in ("a", "b"):
            go_on(name)
            run = outcome(name)
            assert run["outcome"] == "incomplete" and "app.service" in run["error"]["message"], run
            assert machine.get_unit_property(f"backupservice-{name}.service", "ExecMainStatus") == "3"
            listed = json.loads(machine.succeed(f"backupservice snapshots {name} --json"))
            assert not listed[-1]["complete"], listed[-1]
        assert units() == UP, units()

    with subtest("a unit that was idle, ran meanwhile and is idle again makes the run incomplete"):
        begin("a")
        # Nothing but the run refers to it: systemd would unload it, and forget that it ran.
        machine.succeed("systemctl start idle.service && systemctl stop idle.service")
        go_on("a")
        run = outcome("a")
        assert run["outcome"] == "incomplete" and "idle.service ran" in run["error"]["message"], run
        machine.succeed("systemctl start backupservice-a.service")
  '';
}
