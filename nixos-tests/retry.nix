# What may pass by itself is tried again, later each time, and not for ever.
{ pkgs, lib, ... }:
{
  name = "retry";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.app = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
        hooks.afterBackup = [ "true" ];
      };
      systemd.services.backupservice-app = {
        onFailure = [ "alarm.service" ];
        # Short, for the test.
        serviceConfig.RestartSec = lib.mkForce "500ms";
        serviceConfig.RestartMaxDelaySec = lib.mkForce "2s";
      };
      # Lets go of the lock right before the second attempt, if the test asks for it. That
      # waits as long as there is a gate.
      systemd.services.before-an-attempt = {
        requiredBy = [ "backupservice-app.service" ];
        before = [ "backupservice-app.service" ];
        startLimitIntervalSec = 0;
        serviceConfig.Type = "oneshot";
        script = ''
          if [ -e /run/second ]; then
            rm /run/second
            while [ -e /run/gate ]; do sleep 0.1; done
            systemctl stop holder
          fi
          [ ! -e /run/first ] || mv /run/first /run/second
        '';
      };
      systemd.services.open-gate = {
        serviceConfig.Type = "oneshot";
        script = "rm /run/gate";
      };
      systemd.services.alarm = {
        startLimitIntervalSec = 0;
        serviceConfig.Type = "oneshot";
        script = "echo alarm >> /root/alarms";
      };
      environment.systemPackages = [ pkgs.restic ];
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json

    UNIT = "backupservice-app.service"
    LOCK = "/run/backupservice/app/lock"

    def history():
        return json.loads(machine.succeed("cat /var/lib/backupservice/app/history.json"))

    def alarms():
        return len(machine.execute("cat /root/alarms 2>/dev/null")[1].splitlines())

    def hold():
        machine.succeed(f"systemd-run --quiet --unit=holder flock {LOCK} sleep infinity")
        machine.wait_until_fails(f"flock --nonblock {LOCK} true")

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed(f"systemctl start {UNIT}")
    assert [record["attempt"] for record in history()] == [1], history()

    with subtest("as it is configured, the delay grows from a minute to half an hour"):
        unit = machine.succeed(f"cat /etc/systemd/system/{UNIT}")
        for line in ("RestartForceExitStatus=75", "RestartMode=direct", "RestartSteps=3"):
            assert line in unit, unit

    with subtest("a lock that goes away: one start, two attempts, a success, no alarm"):
        hold()
        machine.succeed("touch /run/first", f"systemctl start {UNIT}")
        runs = history()[1:]
        assert [record["attempt"] for record in runs] == [1, 2], runs
        assert runs[-1]["outcome"] == "success", runs
        assert "attempt 1 of 5" in runs[0]["error"]["message"], runs[0]
        assert alarms() == 0

    with subtest("a lock that stays: the last attempt is a failure, with one alarm"):
        seen = len(history())
        hold()
        machine.fail(f"systemctl start {UNIT}")
        runs = history()[seen:]
        assert [record["attempt"] for record in runs] == [1, 2, 3, 4, 5], runs
        assert "gave up after 5 attempts" in runs[-1]["error"]["message"], runs[-1]
        assert machine.get_unit_property(UNIT, "ExecMainStatus") == "1"
        machine.wait_until_succeeds("test -e /root/alarms")
        assert alarms() == 1, alarms()

    with subtest("a start by hand counts anew, and is never refused"):
        for _ in range(3):
            seen = len(history())
            machine.fail(f"systemctl start {UNIT}")
            runs = history()[seen:]
            assert [record["attempt"] for record in runs] == [1, 2, 3, 4, 5], runs
        machine.succeed("systemctl stop holder", f"systemctl start {UNIT}")
        assert history()[-1]["outcome"] == "success", history()[-1]

    with subtest("a start by hand while it waits is a start"):
        hold()
        machine.succeed(f"touch /run/first /run/gate; systemctl start --no-block {UNIT}")
        machine.wait_until_succeeds(f"systemctl show -P SubState {UNIT} | grep -q auto-restart")
        # In this order: it is asked for before it can go on.
        machine.succeed(f"systemctl start {UNIT} open-gate")
        assert history()[-1]["outcome"] == "success", history()[-1]

    with subtest("a waiting retry is shown, and recorded if it is cancelled"):
        machine.succeed(
            f"mkdir -p /run/systemd/system/{UNIT}.d",
            "printf '[Service]\\nRestartSec=1h\\nRestartMaxDelaySec=2h\\n'"
            f" > /run/systemd/system/{UNIT}.d/later.conf",
            "systemctl daemon-reload",
        )
        hold()

        def waits():
            state = f"systemctl show -P SubState {UNIT}"
            machine.wait_until_succeeds(f"{state} | grep -qx auto-restart")

        def is_cancelled():
            last = history()[-1]
            message = last["error"] and last["error"]["message"]
            started = "cancelled while waiting for attempt 2 of 5: attempt 1 of 5 failed: "
            assert last["outcome"] == "cancelled" and message.startswith(started), last
            assert machine.get_unit_property(UNIT, "ActiveState") == "inactive"

        machine.succeed(f"systemctl start --no-block {UNIT}")
        waits()
        (status,) = json.loads(machine.succeed("backupservice status app --json"))
        assert (status["state"], status["operation"]) == ("retrying", "backup"), status
        retry = status["retry"]
        assert (retry["attempt"], retry["attempts"]) == (1, 5), retry
        since = machine.succeed(f"date -u +%s -d \"$(systemctl show -P StateChangeTimestamp {UNIT})\"")
        next = machine.succeed(f"date -u +%s -d '{retry['next']}'")
        assert int(next) - int(since) in (3600, 3601), (since, retry)
        text = machine.succeed("backupservice status")
        assert "retrying at " in text and "app: attempt 1 of 5 failed: " in text, text
        assert "cancelled" in machine.succeed("backupservice cancel app")
        is_cancelled()

        machine.succeed(f"systemctl start --no-block {UNIT}")
        waits()
        instance = "org.backupservice1 /org/backupservice1/instance/app org.backupservice1.Instance"
        machine.succeed(f"busctl call {instance} Cancel")
        machine.wait_until_succeeds(
            "grep -q 'cancelled while waiting' /var/lib/backupservice/app/last-run.json"
        )
        is_cancelled()

        machine.succeed("systemd-run --quiet --unit=asking backupservice run app")
        said = "journalctl -u asking | grep -q 'app: attempt 1 of 5 failed: .*; next at [0-9]'"
        machine.wait_until_succeeds(said)
        waits()
        machine.succeed("systemctl kill --signal=INT asking")
        machine.wait_until_fails("systemctl is-active asking")
        is_cancelled()
        machine.succeed(
            f"rm /run/systemd/system/{UNIT}.d/later.conf",
            "systemctl daemon-reload",
            "systemctl stop holder",
        )

    with subtest("who asks on the command line waits for the end, too"):
        hold()
        status, output = machine.execute("backupservice run app")
        assert status == 1 and "gave up after 5 attempts" in output, (status, output)
        machine.succeed("systemctl stop holder")
  '';
}
