import collections
import json

UNIT = "backupservice-app.service"
RESTORE = "backupservice-app-restore@request.service"
GATES = "/run/backupservice/app/gates"
STATE = "/var/lib/backupservice/app"

# The provider's program, held up at the gates. `during` is when it has locked the repository.
WRAPPER = """#!/bin/sh
gates=/run/backupservice/app/gates
[ -d $gates ] || exec "$0.real" "$@"
PATH=/usr/bin
gate() {
  [ -e $gates/$1 ] || return 0
  touch $gates/reached
  while [ -e $gates/$1 ]; do sleep 0.1; done
}
case " $* " in
  *" @backup@ "*) step=backup ;;
  *" @mark@ "*) step=mark ;;
  *" @init@ "*) step=init ;;
  *" @restore@ "*) step=restore ;;
  *) step=other ;;
esac
gate before-$step
if [ -e $gates/after-$step ]; then
  "$0.real" "$@"
  status=$?
  gate after-$step
  exit $status
fi
if [ -e $gates/during-$step ]; then
  {
    until @locked@ || ! kill -0 $$; do sleep 0.02; done
    kill -STOP $$
    gate during-$step
    kill -CONT $$
  } > /dev/null 2>&1 &
fi
# The process that was started is the one that locks.
exec "$0.real" "$@"
"""

# Kills the executor, and what recovers after it, right before one of its renames: each
# thing that it writes durably is one.
STRACE = """[Service]
Environment=KILL_AT=65535 KILL_RECOVERY_AT=65535
EnvironmentFile=-/run/kill-at
SystemCallFilter=@debug
ExecStart=
ExecStart=@run@
ExecStopPost=
ExecStopPost=@recover@
"""

faults = collections.Counter()


def fault(kind):
    faults[kind] += 1


def tell_faults():
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
    print(f"{provider['name']}: {sum(faults.values())} faults injected ({kinds})", flush=True)


def set_up():
    machine.start()
    machine.wait_for_unit("multi-user.target")
    program = f"/usr/bin/{provider['program']}"
    wrapper = WRAPPER
    for word in ("backup", "mark", "init", "restore", "locked"):
        wrapper = wrapper.replace(f"@{word}@", provider[word])
    machine.succeed(
        f"mv {program} {program}.real",
        f"cat > {program} <<'END'\n{wrapper}END\nchmod 755 {program}",
        "echo v1 > /var/lib/app/data; echo v1 > /var/lib/other/data; echo v1 > /var/lib/other/db.live",
        "chown app:app /var/lib/app/* /var/lib/other/*",
    )


def trace(unit):
    """From now on the unit dies where /run/kill-at says."""
    lines = machine.succeed(f"systemctl cat {unit}").splitlines()

    def command(name, variable):
        line = next(line for line in lines if line.startswith(f"{name}="))
        inject = f"--inject=/^rename:signal=KILL:when=${{{variable}}}"
        return f"/usr/bin/strace -D -o /dev/null --trace=/^rename {inject} " + line.split("=", 1)[1]

    dropin = STRACE.replace("@run@", command("ExecStart", "KILL_AT"))
    dropin = dropin.replace("@recover@", command("ExecStopPost", "KILL_RECOVERY_AT"))
    directory = "/etc/systemd/system/" + unit.replace("@request", "@") + ".d"
    machine.succeed(
        f"mkdir -p {directory} && cat > {directory}/50-strace.conf <<'END'\n{dropin}END\nsystemctl daemon-reload"
    )


def kill_at(run=65535, recovery=65535):
    machine.succeed(f"printf 'KILL_AT={run}\\nKILL_RECOVERY_AT={recovery}\\n' > /run/kill-at")


def ask_for_restore():
    """Leaves the request that RESTORE takes."""
    directory = "/run/backupservice/.requests/app"
    request = json.dumps({"version": 1, "snapshot": "latest", "target": None, "path": None})
    machine.succeed(f"mkdir -p {directory} && echo '{request}' > {directory}/request.json")


def shut(*gates):
    paths = " ".join(f"{GATES}/{gate}" for gate in gates)
    machine.succeed(f"mkdir -p {GATES} && chmod 777 {GATES} && touch {paths}")


def open_gates():
    machine.succeed(f"rm -rf {GATES}")


def wait_for_state(unit, state):
    machine.wait_until_succeeds(f"systemctl show -P ActiveState {unit} | grep -qx {state}")


def wait_for_provider():
    machine.wait_until_succeeds(f"test -e {GATES}/reached")


def quiet():
    """Waits until nothing of ours is under way."""
    machine.wait_until_succeeds(
        "systemctl list-jobs | grep -q 'No jobs'"
        " && ! systemctl list-units --no-legend --state=activating,deactivating"
        " 'backupservice-*' app.service companion.service | grep .",
    )


def kill_executor(unit):
    machine.succeed(f"systemctl kill --signal=KILL --kill-whom=main '{unit}'")


def kill_everything(unit):
    machine.succeed(f"systemctl kill --signal=KILL --kill-whom=all '{unit}'")


def kill_machine(unit):
    machine.crash()
    machine.start()
    machine.wait_for_unit("multi-user.target")


KILLS = {
    "kills of the executor": kill_executor,
    "kills of all its processes": kill_everything,
    "crashes of the machine": kill_machine,
}


def strike(kind, unit):
    fault(kind)
    KILLS[kind](unit)
    if kind != "crashes of the machine":
        open_gates()
    quiet()


def observe():
    sections = {
        "units": "systemctl is-active app.service companion.service idle.service",
        "log": "cat /var/lib/app-log/hooks",
        "staging": "find /var/lib/backupservice/.staging/app /var/lib/backupservice/.restores/app -type f -size +0 -not -name intent.json -not -name intent.json.new -not -path '*/provider/*'",
        "left": f"ls -d {STATE}/intent.json /var/lib/backupservice/.restores/app/intent.json /run/backupservice/.stopped/*/app",
        "running": "systemctl list-units --no-legend --state=activating,active 'backupservice-app*.service'",
        "history": f"cat {STATE}/history.json",
        "last": f"cat {STATE}/last-run.json",
        "status": "backupservice status app --json",
    }
    script = "\n".join(f"echo '==={name}'; {command} 2>/dev/null || true" for name, command in sections.items())
    seen = {}
    for section in machine.succeed(script).split("===")[1:]:
        name, _, text = section.partition("\n")
        seen[name] = text.splitlines()
    for name in ("history", "last", "status"):
        seen[name] = json.loads("".join(seen[name]) or "[]")
    return seen


def hooks_of(seen, run):
    return collections.Counter(line.split()[0] for line in seen["log"] if line.split()[1] == run)


def back_to_normal(seen):
    assert seen["units"] == ["active", "active", "inactive"], seen["units"]
    assert seen["staging"] == [] and seen["left"] == [] and seen["running"] == [], seen
    assert seen["status"] == [] or seen["status"][0]["state"] == "idle", seen["status"]


# The history is bounded, the repository is not.
succeeded = set()


def compare_snapshots(seen):
    """Those that claim to be complete are those of the runs that succeeded."""
    succeeded.update(record["snapshot"] for record in seen["history"] if record["outcome"] == "success")
    listed = json.loads(machine.succeed("backupservice snapshots app --json"))
    complete = {snapshot["id"] for snapshot in listed if snapshot["complete"]}
    assert complete == succeeded, (complete - succeeded, succeeded - complete, seen["last"])


def back_up():
    machine.succeed(f"systemctl start {UNIT}")
    seen = observe()
    back_to_normal(seen)
    assert seen["last"]["outcome"] == "success", seen["last"]
    return seen
