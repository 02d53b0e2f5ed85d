FILES = "/var/lib/app/data /var/lib/other/data /var/lib/other/db.live"
OLD, NEW = "old", "v1"


def change():
    """The data of today, in three places that belong together."""
    machine.succeed(f"for file in {FILES}; do echo {OLD} > $file; chown app:app $file; done")


def check(before, wanted=None):
    """All of it is old, or all of it is new; and the next restore succeeds."""
    seen = observe()
    back_to_normal(seen)
    data = machine.succeed(f"cat {FILES}").split()
    assert len(data) == 3 and len(set(data)) == 1, data
    assert wanted is None or data[0] == wanted, (data, wanted)
    beside = machine.succeed("ls -A /var/lib | grep -E '^[.](app|other)[.]' || true").split()
    if data[0] == OLD:
        assert beside == [], beside
    else:
        kept = machine.succeed("cat /var/lib/.app.before-restore-*/data /var/lib/.other.before-restore-*/data")
        assert kept.split() == [OLD, OLD] and len(beside) == 2, (kept, beside)
    assert seen["last"]["runId"] == before, "a restore is no backup"
    hooks = collections.Counter(line.split()[0] for line in seen["log"])
    if hooks["pause"]:
        assert 1 <= hooks["unpause"] <= 2, hooks

    machine.succeed("rm -f /var/lib/app-log/hooks")
    change()
    ask_for_restore()
    machine.succeed(f"systemctl start {RESTORE}")
    assert machine.succeed(f"cat {FILES}").split() == [NEW] * 3
    machine.succeed("rm -rf /var/lib/.app.before-restore-* /var/lib/.other.before-restore-* /var/lib/app-log/hooks")
    back_to_normal(observe())


POINTS = [
    ("quiesce", lambda: wait_for_state("app", "deactivating"), OLD),
    ("pause", lambda: wait_for_state("backupservice-app-before-restore-pause", "activating"), OLD),
    ("before-restore", wait_for_provider, OLD),
    ("during-restore", wait_for_provider, OLD),
    ("after-restore", wait_for_provider, OLD),
    ("load", lambda: wait_for_state("backupservice-app-load-db", "activating"), NEW),
    ("unpause", lambda: wait_for_state("backupservice-app-after-restore-unpause", "activating"), NEW),
    ("resume", lambda: wait_for_state("app", "activating"), NEW),
]

set_up()
last = back_up()["last"]["runId"]
machine.succeed(provider["hasten"])
machine.succeed("rm /var/lib/app-log/hooks")

for gate, wait, wanted in POINTS:
    with subtest(f"killed when held up at {gate}"):
        for kind in KILLS:
            change()
            shut(gate)
            ask_for_restore()
            machine.succeed(f"systemctl start --no-block {RESTORE}")
            wait()
            strike(kind, RESTORE)
            check(last, wanted)

with subtest("killed before each thing that it writes"):
    trace(RESTORE)
    at = 0
    while True:
        at += 1
        change()
        kill_at(run=at)
        ask_for_restore()
        if machine.execute(f"systemctl start {RESTORE}")[0] == 0:
            break
        quiet()
        fault("kills of the executor")
        kill_at()
        check(last)
    machine.log(f"a restore writes {at - 1} times")
    assert at > 15, at

with subtest("what puts old data back is killed, too"):
    machine.succeed("rm -rf /var/lib/.app.before-restore-* /var/lib/.other.before-restore-* /var/lib/app-log/hooks")
    at = 0
    while True:
        at += 1
        before = machine.get_unit_property("backupservice-recover", "InvocationID")
        change()
        kill_at(recovery=at)
        shut("after-restore")
        ask_for_restore()
        machine.succeed(f"systemctl start --no-block {RESTORE}")
        wait_for_provider()
        strike("kills of the executor", RESTORE)
        kill_at()
        check(last, OLD)
        if machine.get_unit_property("backupservice-recover", "InvocationID") == before:
            break
        fault("kills of the recovery")
    assert at > 4, at

with subtest("backups go on, and no lock is left"):
    back_up()
    machine.succeed(provider["check"])

tell_faults()
