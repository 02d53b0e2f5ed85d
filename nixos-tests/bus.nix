# Backups on D-Bus: seen and steered with `busctl` alone, by those who may.
{ ... }:
{
  name = "bus";

  nodes.machine =
    { ... }:
    {
      imports = [
        ../modules
        ./suites/holding.nix
      ];

      users.users.alice = {
        isNormalUser = true;
        description = "Steers backups";
      };
      users.users.mallory = {
        isNormalUser = true;
        description = "Looks on";
      };
      security.polkit.extraConfig = ''
        polkit.addRule(function (action, subject) {
          if (action.id.indexOf("org.backupservice1.") == 0 && subject.user == "alice") {
            return polkit.Result.YES;
          }
        });
      '';

      systemd.services.my-app = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "/bin/sleep infinity";
      };

      backupservice.instances.my-app = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/my-app" ];
        quiesce.units = [ "my-app.service" ];
        repository.path = "/srv/backup/my-app";
      };
    };

  testScript = ''
    import json

    ${builtins.readFile ./suites/holding/script.py}
    service = "org.backupservice1"
    instance = "/org/backupservice1/instance/my_2dapp"
    interface = "org.backupservice1.Instance"
    unit = "backupservice-my-app.service"
    daemon = "backupservice-bus.service"

    def shown(name):
        """A property, as anyone sees it."""
        get = f"runuser -u mallory -- busctl --json=short get-property {service} {instance} {interface}"
        return json.loads(machine.succeed(f"{get} {name}"))["data"]

    def call(user, method, *options):
        command = " ".join(["busctl", *options, "--json=short", "call", service, instance, interface, method])
        return f"runuser -u {user} -- {command} 2>&1"

    def wait_for(name, value):
        get = f"busctl --json=short get-property {service} {instance} {interface} {name}"
        machine.wait_until_succeeds(f"{get} | grep -F '\"data\":{json.dumps(value)}'")

    def renew():
        """New data; whoever has read a part of it is held, and once more."""
        machine.succeed("systemctl stop 'hold*.service'")
        machine.succeed("cd /var/lib/my-app && for file in a b c; do head -c 1M /dev/urandom >$file; done")
        hold("/var/lib/my-app/b")
        hold("/var/lib/my-app/c", name="hold-later")

    def wait_until_reading(name="hold", progress="d 0"):
        """Waits until a backup is held, and shows another progress than that; returns it."""
        wait_until_held(name)
        get = f"busctl get-property {service} {instance} {interface} Progress"
        shown = machine.wait_until_succeeds(f"{get} | grep -vx '{progress}'").strip()
        assert machine.get_unit_property("my-app.service", "ActiveState") == "inactive"
        return shown

    def wait_for_state(unit, *states):
        """Waits until systemd says one of these of the unit."""
        show = f"systemctl show -P ActiveState {unit}"
        machine.wait_until_succeeds(f"{show} | grep -xE '{'|'.join(states)}'")

    def objects():
        return machine.succeed(f"busctl --list tree {service}").split()

    def signals(member):
        """What the bus has been told so far, by the name of the signal."""
        lines = machine.succeed("cat /run/monitor.json").splitlines()
        told = [json.loads(line) for line in lines]
        return [message for message in told if message.get("member") == member]

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("mkdir -p /var/lib/my-app")
    machine.wait_for_unit("my-app.service")

    with subtest("the bus starts the daemon, and anyone may look"):
        assert machine.get_unit_property(daemon, "ActiveState") == "inactive"
        assert instance in objects(), objects()
        assert machine.get_unit_property(daemon, "ActiveState") == "active"
        assert shown("Name") == "my-app"
        assert shown("Provider") == "restic"
        assert shown("State") == "idle"
        assert shown("LastOutcome") == ""
        assert shown("LastSuccess") == 0
        assert shown("Timer") == "waiting"
        now = int(machine.succeed("date +%s"))
        assert now < shown("NextRun") / 1e6 < now + 2 * 86400, shown("NextRun")
        managed = machine.succeed(
            f"runuser -u mallory -- busctl --json=short call {service} /org/backupservice1"
            " org.freedesktop.DBus.ObjectManager GetManagedObjects"
        )
        assert json.loads(managed)["data"][0][instance][interface]["Name"]["data"] == "my-app", managed

    with subtest("its sandbox is tight"):
        rating = machine.succeed("systemd-analyze security --no-pager backupservice-bus.service | tail -1")
        print(rating)
        assert float(rating.split(":")[1].split()[0]) <= 1.5, rating

    with subtest("whoever may not is told so, and nothing happens"):
        for method in ("Start", "Cancel", "ListSnapshots"):
            status, output = machine.execute(call("mallory", method))
            assert status != 0 and "polkit denies org.backupservice1." in output, output
            assert "sudo backupservice" in output and "my-app" in output, output
        status, output = machine.execute(call("mallory", "Start", "--allow-interactive-authorization=no"))
        assert status != 0 and "polkit denies org.backupservice1.start" in output, output
        assert machine.get_unit_property(unit, "ActiveEnterTimestamp") == ""
        machine.fail("test -e /var/lib/backupservice/my-app/last-run.json")
        assert shown("State") == "idle"

    with subtest("whoever may starts a backup, and all see how far it is"):
        machine.succeed(
            f"systemd-run --unit=monitor --property=StandardOutput=file:/run/monitor.json"
            f" busctl --json=short monitor {service}"
        )
        machine.wait_until_succeeds("test -e /run/monitor.json")
        renew()
        machine.succeed(call("alice", "Start"))
        wait_for("State", "running")
        progress = wait_until_reading()
        assert shown("Phase") == "backup"
        assert 0 < shown("Progress") < 1
        # It is under way already.
        machine.succeed(call("alice", "Start"))
        machine.fail(call("mallory", "Cancel"))
        let_go()
        wait_until_reading("hold-later", progress)
        assert 0 < shown("Progress") < 1
        let_go("hold-later")
        wait_for("State", "idle")
        assert shown("LastOutcome") == "success", shown("LastError")
        record = json.loads(machine.succeed("cat /var/lib/backupservice/my-app/last-run.json"))
        assert shown("LastRunId") == record["runId"]
        assert shown("LastSnapshot") == record["snapshot"]
        assert shown("LastBytesAdded") == record["totals"]["bytesAdded"]
        assert shown("LastSuccess") == shown("LastFinished") > 0
        machine.wait_for_unit("my-app.service")

    with subtest("changes were told as they happened"):
        machine.wait_until_succeeds("grep Finished /run/monitor.json")
        finished = signals("Finished")
        assert [signal["payload"]["data"] for signal in finished] == [
            [record["runId"], "success", record["snapshot"]]
        ], finished
        changes = [
            signal for signal in signals("PropertiesChanged") if signal["payload"]["data"][0] == interface
        ]
        steps = [change for change in changes if "Progress" in change["payload"]["data"][1]]
        progress = [step["payload"]["data"][1]["Progress"]["data"] for step in steps]
        assert len({value for value in progress if 0 < value < 1}) >= 2, progress
        states = [
            change["payload"]["data"][1]["State"]["data"]
            for change in changes
            if "State" in change["payload"]["data"][1]
        ]
        assert states == ["running", "idle"], states

    with subtest("runs that end before anybody has looked are told, each of them"):
        machine.succeed("mv /var/lib/my-app /var/lib/gone", "systemctl kill --signal=STOP backupservice-bus.service")
        missed = []
        for _ in range(2):
            machine.fail(f"systemctl start {unit}")
            missed.append(json.loads(machine.succeed("cat /var/lib/backupservice/my-app/last-run.json"))["runId"])
        machine.succeed("mv /var/lib/gone /var/lib/my-app", "systemctl kill --signal=CONT backupservice-bus.service")
        machine.wait_until_succeeds(f"grep Finished /run/monitor.json | grep -q {missed[1]}")
        told = [signal["payload"]["data"] for signal in signals("Finished")]
        assert told[1:] == [[run_id, "failed", ""] for run_id in missed], told

    with subtest("snapshots are listed for one who cannot read the repository"):
        machine.fail("runuser -u alice -- ls /srv/backup/my-app")
        listed = json.loads(machine.succeed(call("alice", "ListSnapshots")))
        assert listed["type"] == "aa{sv}", listed
        (snapshot,) = listed["data"][0]
        assert snapshot["id"]["data"] == record["snapshot"], snapshot
        assert snapshot["complete"]["data"] is True, snapshot
        assert snapshot["time"]["data"] > 0, snapshot

    with subtest("whoever may reads files of snapshots, and holds no credentials"):
        def browse(user, arguments):
            return f"runuser -u {user} -- backupservice {arguments}"

        machine.fail("runuser -u alice -- ls /var/lib/backupservice-secrets")
        machine.fail("runuser -u alice -- test -w /run/backupservice-browse/my-app")
        listed = machine.succeed(browse("alice", "ls my-app latest /var/lib/my-app --json"))
        files = [json.loads(line) for line in listed.splitlines()]
        assert sorted(file["path"][-2:] for file in files) == ["/a", "/b", "/c"], files
        assert {file["snapshot"] for file in files} == {record["snapshot"]}, files
        assert {file["size"] for file in files} == {1 << 20}, files
        machine.succeed(browse("alice", "dump my-app latest /var/lib/my-app/b") + " | cmp - /var/lib/my-app/b")
        found = machine.succeed(browse("alice", "find my-app '?'"))
        assert f"snapshot {record['snapshot'][:8]}" in found and "1.0 MiB" in found, found
        assert machine.succeed(browse("alice", "diff my-app latest latest")) == ""
        # One who has seen enough.
        machine.succeed(browse("alice", "dump my-app latest /var/lib/my-app/a") + " | head -c 10 >/dev/null")
        machine.wait_until_succeeds(
            "test -z \"$(systemctl list-units --all --no-legend 'backupservice-my-app-browse@*')\""
        )
        assert "/var/lib/my-app" in machine.succeed("backupservice ls my-app")

    with subtest("whoever may not reads nothing"):
        for question in (
            "ls my-app",
            "find my-app a",
            "dump my-app latest /var/lib/my-app/a",
            "diff my-app latest latest",
        ):
            status, output = machine.execute(browse("mallory", question) + " 2>&1")
            assert status == 1 and "polkit denies org.backupservice1.browse" in output, output
            assert "my-app/" not in output, output
        status, output = machine.execute("backupservice ls my-ap 2>&1")
        assert status == 1 and "choose one of: my-app" in output, output

    with subtest("however often it changes, that is told four times a second"):
        renew()
        machine.succeed(call("alice", "Start"))
        wait_until_reading()
        # Nobody but this test changes the state now.
        group = f"/sys/fs/cgroup$(systemctl show -P ControlGroup {unit})"
        machine.succeed(f"echo 1 >{group}/cgroup.freeze")
        state = "/run/backupservice/my-app/state.json"
        seconds = float(machine.succeed(f"""
            began=$(date +%s%N)
            for progress in {{100..900}}; do
              sed "s/\\"fraction\\":[0-9.]*/\\"fraction\\":0.$progress/" {state} >/run/new
              mv /run/new {state}
            done
            echo $(($(date +%s%N) - began))e-9
        """))
        get = f"busctl get-property {service} {instance} {interface} Progress"
        machine.wait_until_succeeds(f"{get} | grep -qx 'd 0.9'")
        # The monitor has seen what came before this.
        machine.succeed(f"busctl call {service} {instance} org.freedesktop.DBus.Peer Ping")
        machine.wait_until_succeeds("grep -q Ping /run/monitor.json")
        progress = [
            change["payload"]["data"][1]["Progress"]["data"]
            for change in signals("PropertiesChanged")
            if "Progress" in change["payload"]["data"][1]
        ]
        ours = [value for value in progress if value == round(value, 3) and 0.1 <= value <= 0.9]
        assert 0 < len(ours) <= 4 * seconds + 2, (len(ours), seconds)
        machine.succeed(f"echo 0 >{group}/cgroup.freeze")

    with subtest("a cancelled backup leaves everything clean"):
        machine.succeed(call("alice", "Cancel"))
        let_go_to_its_end(unit, "restic")
        wait_for("LastOutcome", "cancelled")
        wait_for("State", "idle")
        assert shown("LastSnapshot") == record["snapshot"]
        wait_for_state(unit, "inactive", "failed")
        machine.wait_for_unit("my-app.service")
        machine.fail("test -e /var/lib/backupservice/my-app/intent.json")
        machine.fail("test -e /run/backupservice/my-app/state.json")
        status, output = machine.execute(call("alice", "Cancel"))
        assert status != 0 and "is running" in output, output

    with subtest("people steer it by its name"):
        printed = machine.succeed("backupservice check my-app 2>&1")
        assert "my-app: checking the repository" in printed, printed
        assert "repository is sound" in printed and "forgotten" not in printed, printed
        machine.fail("test -e /run/backupservice/my-app/check-only")
        maintained = json.loads(machine.succeed("backupservice check my-app --json"))
        assert maintained["check"] == "sound" and maintained["removed"] is None, maintained
        assert shown("LastMaintenance") == "success"
        ask = "BACKUPSERVICE_COMPLETE=fish backupservice -- backupservice"
        assert machine.succeed(f"{ask} run m") == "my-app\n"
        assert record["snapshot"][:8] in machine.succeed(f'{ask} restore my-app --snapshot ""')
        assert machine.succeed("backupservice") == machine.succeed("backupservice status")
        renew()
        # On a terminal of its own, which has room for a bar.
        machine.succeed(
            "systemd-run --unit=by-hand --setenv=PATH=$PATH --setenv=TERM=xterm"
            " script --quiet --flush --return --command 'stty cols 100; backupservice run my-app --now' /run/typescript"
        )
        wait_until_reading()
        machine.wait_until_succeeds("grep -q 'MiB of' /run/typescript")
        table = machine.succeed("backupservice status")
        assert "backup " in table and " %" in table, table
        # Whoever merely joined a run leaves it alone when interrupted.
        machine.succeed("systemd-run --unit=joined --property=StandardOutput=file:/run/joined backupservice run my-app")
        machine.wait_until_succeeds("grep -q 'backing up' /run/joined")
        machine.succeed("systemctl kill --signal=INT joined")
        wait_for_state("joined.service", "failed")
        assert machine.get_unit_property("joined.service", "ExecMainStatus") == "130"
        assert machine.get_unit_property(unit, "ActiveState") == "activating"
        machine.succeed("systemd-run --unit=cancel --property=StandardOutput=file:/run/cancelled backupservice cancel my-app")
        let_go_to_its_end(unit, "restic")
        wait_for_state("cancel.service", "inactive")
        cancelled = machine.succeed("cat /run/cancelled")
        assert "cancelled" in cancelled, cancelled
        wait_for_state("by-hand.service", "failed", "inactive")
        assert machine.get_unit_property("by-hand.service", "ExecMainStatus") == "130"
        seen = machine.succeed("cat /run/typescript")
        assert "backing up" in seen and "█" in seen and "MiB of" in seen, seen
        assert "backup of my-app: cancelled" in seen, seen
        status, output = machine.execute("backupservice cancel my-app 2>&1")
        assert status == 1 and "is running" in output, output
        status, output = machine.execute("runuser -u mallory -- backupservice cancel my-app 2>&1")
        assert status == 1, output
        logs = machine.succeed("backupservice logs my-app -n 500")
        assert "cancelled" in logs and "Starting backupservice-my-app.service" in logs, logs
        details = machine.succeed("backupservice status my-app").splitlines()
        command = next(line.strip() for line in details if "journalctl" in line)
        assert "backup of my-app: cancelled" in machine.succeed(f"{command} --no-pager"), command

    with subtest("a killed backup is not shown as running"):
        renew()
        machine.succeed(call("alice", "Start"))
        wait_until_reading()
        machine.succeed(f"systemctl kill --signal=KILL {unit}")
        wait_for("LastOutcome", "failed")
        wait_for("State", "idle")
        machine.wait_for_unit("my-app.service")
        # It removes the state after it has started the service.
        wait_for_state("backupservice-recover.service", "inactive")

    with subtest("a state that nobody removed is not a backup"):
        state = json.dumps({
            "version": 1, "instance": "my-app", "runId": "0" * 32, "started": "2026-01-01T00:00:00Z",
            "phase": "backup", "progress": None,
        })
        machine.succeed(f"echo '{state}' >/run/new && mv /run/new /run/backupservice/my-app/state.json")
        assert shown("State") == "idle"
        machine.succeed("systemctl stop backupservice-bus.service")
        assert shown("State") == "idle"
        machine.succeed("rm /run/backupservice/my-app/state.json")

    with subtest("instances come and go with their plans"):
        plans = "/etc/backupservice/plans"
        machine.succeed(f"sed 's/\"my-app\"/\"other\"/' {plans}/my-app.json >{plans}/other.json")
        other = "/org/backupservice1/instance/other"
        machine.wait_until_succeeds(f"busctl --list tree {service} | grep -x {other}")
        assert signals("InterfacesAdded")[-1]["payload"]["data"][0] == other
        machine.succeed(f"rm {plans}/other.json")
        machine.wait_until_succeeds(f"! busctl --list tree {service} | grep -x {other}")
        assert signals("InterfacesRemoved")[-1]["payload"]["data"][0] == other

    with subtest("a dead timer is seen"):
        machine.succeed("systemctl stop backupservice-my-app.timer")
        wait_for("Timer", "dead")
        assert shown("NextRun") == 0
        machine.succeed("systemctl start backupservice-my-app.timer")
        wait_for("Timer", "waiting")

    with subtest("the daemon ends when nobody needs it, and comes back when somebody does"):
        started = machine.succeed(f"sed -n 's/^ExecStart=//p' /etc/systemd/system/{daemon}").strip()
        dropin = f"/run/systemd/system/{daemon}.d/idle.conf"
        machine.succeed(
            f"mkdir {dropin.rpartition('/')[0]}",
            f"printf '%s\n' '[Service]' ExecStart= 'ExecStart={started} \"--idle\" \"2\"' >{dropin}",
            f"systemctl daemon-reload && systemctl restart {daemon}",
        )
        wait_for_state(daemon, "inactive")
        assert machine.get_unit_property("backupservice-bus.service", "Result") == "success"
        assert shown("LastOutcome") == "failed"
        wait_for_state(daemon, "inactive")
        machine.succeed("rm /var/lib/my-app/[abc] && echo data >/var/lib/my-app/data")
        ended = machine.get_unit_property(daemon, "InvocationID")
        machine.succeed("backupservice run my-app --accept-shrink")
        assert machine.get_unit_property(daemon, "InvocationID") != ended
        assert shown("LastOutcome") == "success"
  '';
}
