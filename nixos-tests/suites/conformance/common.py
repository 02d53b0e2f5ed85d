import collections
import contextlib
import datetime
import json
import shlex

password_file = "/var/lib/conformance/password"

cases = collections.Counter()


@contextlib.contextmanager
def case(name):
    """A subtest, counted if it comes to its end."""
    with subtest(name):
        yield
    cases[name] += 1


def tell_cases():
    assert set(cases.values()) == {1}, cases.most_common(3)
    assert len(cases) >= 40, len(cases)
    print(f"conformance-{program}: {len(cases)} cases", flush=True)


def unit(instance):
    return f"backupservice-{instance}.service"


def last_run(instance):
    return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))


def last_run_id(instance):
    status, record = machine.execute(f"cat /var/lib/backupservice/{instance}/last-run.json 2>/dev/null")
    return json.loads(record)["runId"] if status == 0 else None


def judged(instance, before, outcome):
    """The record of the run that ended now, which must have this outcome."""
    record = last_run(instance)
    assert record["runId"] != before, f"no record of a new run: {record}"
    assert record["outcome"] == outcome, record
    assert not record["cleanupFailed"], record
    assert (record["snapshot"] is None) == (outcome not in ("success", "incomplete")), record
    return record


def back_up(instance, outcome="success"):
    """Makes a backup that must have this outcome, and returns its record."""
    before = last_run_id(instance)
    status, _ = machine.execute(f"systemctl start {unit(instance)}")
    assert (status == 0) == (outcome == "success"), f"systemctl start: {status}"
    return judged(instance, before, outcome)


def tells(record, *words, private=()):
    """The error has these words and a remedy, in the record and in the journal; `private` ones
    are in the journal only."""
    error = record["error"]
    machine.log(f"{error['message']} | {error['remedy']}")
    for word in words:
        assert word in error["message"], (word, error)
    assert error["remedy"], error
    journal = machine.succeed(f"journalctl --sync && journalctl --no-pager --output cat _SYSTEMD_INVOCATION_ID={record['runId']}")
    assert error["message"] in journal, journal
    for name in private:
        assert name in journal and name not in str(record), (name, record, journal)


def start_in_background(instance):
    """Starts a backup; returns the id of the run before."""
    before = last_run_id(instance)
    machine.succeed(f"systemctl start --no-block {unit(instance)}")
    return before


def wait_for_record(instance, before):
    """Waits for the record of a run after the one with the id `before`."""
    record = f"/var/lib/backupservice/{instance}/last-run.json"
    machine.wait_until_succeeds(f"test -s {record} && ! grep -q '{before}' {record}")


def wait_for_run(instance, before):
    wait_for_record(instance, before)
    wait_for_end(unit(instance))


def passes(instance, before):
    """The record of a run that ended with status 75, and is not tried again now."""
    wait_for_record(instance, before)
    machine.wait_until_succeeds(f"systemctl show -P ExecMainStatus {unit(instance)} | grep -qx 75")
    machine.succeed(f"systemctl stop {unit(instance)}")
    return judged(instance, before, "failed")


def wait_for_end(name):
    machine.wait_until_succeeds(f"systemctl show -P ActiveState {name} | grep -qxE 'inactive|failed'")


def snapshots(instance):
    """Ids of the instance's snapshots, oldest first."""
    listed = json.loads(machine.succeed(f"backupservice snapshots {instance} --json"))
    return [snapshot["id"] for snapshot in listed]


def complete(instance):
    """Ids of those that claim to be complete."""
    listed = json.loads(machine.succeed(f"backupservice snapshots {instance} --json"))
    return [snapshot["id"] for snapshot in listed if snapshot["complete"]]


def restore(instance, *arguments):
    machine.succeed(f"backupservice restore {instance} {shlex.join(arguments)}")


def restore_fails(instance, *arguments, words=()):
    """A restore that must fail and say why; returns what it said."""
    status, text = machine.execute(f"backupservice restore {instance} {shlex.join(arguments)} 2>&1")
    machine.log(f"{status}: {text.strip()}")
    assert status != 0, text
    for word in words:
        assert word in text, (word, text)
    return status


def describe(*paths):
    """Everything that a backup must keep of what is below the paths."""
    return json.loads(machine.succeed(f"python3 /etc/conformance/files.py describe {shlex.join(paths)}"))


def as_kept(description):
    """What the provider can keep of it."""
    return {path: entry | {"mtime": kept_time(entry["mtime"])} for path, entry in description.items()}


def below(description, prefix):
    return {
        path: entry
        for path, entry in description.items()
        if path == prefix or path.startswith(prefix + "/")
    }


def assert_same(got, expected):
    """Says what differs and not more."""
    different = [
        f"{path!r}: {got.get(path)} instead of {expected.get(path)}"
        for path in sorted(got.keys() | expected.keys(), key=ascii)
        if got.get(path) != expected.get(path)
    ]
    assert not different, ascii("; ".join(different[:5]))


def digest(directory, without=()):
    """Of all files below a directory, with their names, but for those below some of its directories."""
    others = " ".join(f"-not -path {shlex.quote(f'./{part}/*')}" for part in without)
    return machine.succeed(
        f"cd {shlex.quote(directory)} && find . -type f {others} -print0 | sort -z | xargs -0r sha256sum"
    )


machine.start()
machine.wait_for_unit("multi-user.target")
machine.succeed(f"umask 077 && mkdir -p /var/lib/conformance && echo 'correct horse' > {password_file}")
