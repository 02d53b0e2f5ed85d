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

with subtest("what happened is in the journal, under the instance"):
    machine.succeed("journalctl --sync && journalctl BACKUP_INSTANCE=failing _SYSTEMD_UNIT=backupservice-failing.service | grep refuse")
