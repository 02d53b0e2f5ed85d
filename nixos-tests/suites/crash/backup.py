# Hooks that ran twice: allowed only if the fault came before the note of their end.
repeated = 0


def check(before, phase=None, concluded=False, has_begun=True):
    """What must hold after any fault, and that the next run succeeds."""
    global repeated
    seen = observe()
    back_to_normal(seen)
    record = seen["last"]
    run = record["runId"]
    assert run != before, ("the run left no record", record)
    hooks = hooks_of(seen, run)
    if hooks["freeze"]:
        for hook in ("thaw", "second"):
            assert 1 <= hooks[hook] <= 2, hooks
            repeated += hooks[hook] - 1
        assert hooks["thaw"] + hooks["second"] <= 3, hooks
    wanted = "success" if concluded else "failed"
    if phase is not None:
        assert record["outcome"] == wanted, record
        assert f"in phase {phase}" in record["error"]["message"], record
    elif record["outcome"] == "failed":
        assert not has_begun or "in phase" in record["error"]["message"], record
    else:
        assert record["outcome"] == "success" and record["snapshot"], record
    if record["snapshot"]:
        assert record["outcome"] == "success", record
    compare_snapshots(seen)

    again = back_up()
    assert hooks_of(again, run) == hooks, "a hook that had completed ran again"
    # What this run claims, the next check looks at.
    return again["last"]["runId"]


# Where a run is held up, what shows that it is there, and what the record must say.
POINTS = [
    ("freeze", lambda: wait_for_state("backupservice-app-before-freeze", "activating"), "before-backup", False),
    ("quiesce", lambda: wait_for_state("app", "deactivating"), "quiesce", False),
    ("dump", lambda: wait_for_state("backupservice-app-dump-db", "activating"), "dump", False),
    ("before-backup", wait_for_provider, "backup", False),
    ("during-backup", wait_for_provider, "backup", False),
    ("after-backup", wait_for_provider, "backup", False),
    ("resume", lambda: wait_for_state("app", "activating"), "resume", True),
    ("thaw", lambda: wait_for_state("backupservice-app-after-thaw", "activating"), "after-backup", True),
    ("second", lambda: wait_for_state("backupservice-app-after-second", "activating"), "after-backup", True),
]

set_up()
last = None

with subtest("killed while the repository is made"):
    for kind in KILLS:
        shut("before-init")
        machine.succeed(f"systemctl start --no-block {UNIT}")
        wait_for_provider()
        strike(kind, UNIT)
        assert observe()["last"]["outcome"] == "failed"
        back_to_normal(observe())
    last = back_up()["last"]["runId"]
    machine.succeed(provider["hasten"])

for gate, wait, phase, concluded in POINTS:
    with subtest(f"killed when held up at {gate}"):
        for kind in KILLS:
            shut(gate)
            machine.succeed(f"systemctl start --no-block {UNIT}")
            wait()
            strike(kind, UNIT)
            last = check(last, phase, concluded)

with subtest("killed while an incomplete snapshot is marked"):
    for gate in ("before-mark", "during-mark", "after-mark"):
        for kind in KILLS:
            shut("before-backup", gate)
            machine.succeed(f"systemctl start --no-block {UNIT}")
            wait_for_provider()
            # It comes back by itself: what is read is not what was quiesced.
            machine.succeed(f"systemctl start app.service && rm {GATES}/reached {GATES}/before-backup")
            wait_for_provider()
            strike(kind, UNIT)
            last = check(last, "mark", False)

with subtest("what recovers is killed, too"):
    trace(UNIT)
    at = 0
    while True:
        at += 1
        kill_at(recovery=at)
        before = machine.get_unit_property("backupservice-recover", "InvocationID")
        shut("dump")
        machine.succeed(f"systemctl start --no-block {UNIT}")
        wait_for_state("backupservice-app-dump-db", "activating")
        strike("kills of the executor", UNIT)
        last = check(last, "dump", False)
        # It is started when what recovers has failed, and then has something to do.
        if machine.get_unit_property("backupservice-recover", "InvocationID") == before:
            break
        fault("kills of the recovery")
    assert at > 4, at

with subtest("killed before each thing that it writes"):
    at = 0
    while True:
        at += 1
        kill_at(run=at)
        if machine.execute(f"systemctl start {UNIT}")[0] == 0:
            break
        quiet()
        fault("kills of the executor")
        kill_at()
        # The first thing that is written is the phase.
        last = check(last, has_begun=at > 1)
    kill_at()
    machine.log(f"a run writes {at - 1} times")
    assert at > 15, at

with subtest("hooks ran twice only before the note of their end"):
    machine.log(f"{repeated} hooks ran twice")
    # Each of the two: three times held up itself (it may also have ended just in time),
    # and once right before the note, of the run and of what recovers.
    assert repeated <= 2 * (3 + 1 + 1), repeated

with subtest("the repository is sound, and no lock is left"):
    compare_snapshots(observe())
    machine.succeed(provider["check"])

tell_faults()
