# Runs that meet each other, or are stopped or killed: nothing that they leave
# claims to be a backup, and the next run succeeds.
{ ... }:
{
  node.backupservice.instances.slow = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/slow" ];
    repository.path = "/srv/backup/slow";
  };

  script = ''
    slow = "/srv/backup/slow"
    machine.succeed(
        "mkdir -p /var/lib/slow && head -c 4M /dev/urandom > /var/lib/slow/data",
        "mkdir -p /srv/slow",
    )
    back_up("slow")


    def begin():
        """A run that is held while the provider reads data."""
        machine.succeed("cd /var/lib/slow && for file in news pending; do head -c 1M /dev/urandom > $file; done")
        hold("/var/lib/slow/pending")
        before = start_in_background("slow")
        wait_until_held()
        return before


    def goes_on(known):
        """No run has left anything that looks complete, and the next one succeeds."""
        assert complete("slow") == known, (complete("slow"), known)
        record = back_up("slow")
        assert complete("slow") == [*known, record["snapshot"]], complete("slow")
        # Waits for nobody's lock.
        machine.succeed("backupservice check slow")
        assert not has_lock(slow)
        restore("slow", "--target", "/srv/slow/restored")
        machine.succeed("cmp /srv/slow/restored/var/lib/slow/news /var/lib/slow/news && rm -r /srv/slow/restored")


    with case("starting an instance that runs waits for that run"):
        known = complete("slow")
        begin()
        machine.succeed(f"systemctl start {unit('slow')} let-go.service")
        assert len(complete("slow")) == len(known) + 1, complete("slow")
        assert last_run("slow")["outcome"] == "success"

    with case("a restore while the instance runs is refused, with status 75"):
        known = complete("slow")
        before = begin()
        status = restore_fails("slow", words=["slow holds the lock"])
        assert status == 75, status
        let_go()
        wait_for_run("slow", before)
        assert last_run("slow")["outcome"] == "success", last_run("slow")
        assert len(complete("slow")) == len(known) + 1

    with case("systemctl stop cancels a run, which says so"):
        known = complete("slow")
        before = begin()
        machine.succeed(f"systemctl stop --no-block {unit('slow')}")
        let_go_to_its_end(unit("slow"), program)
        wait_for_run("slow", before)
        judged("slow", before, "cancelled")
        goes_on(known)

    for name, kill, outcome in [
        ("SIGTERM to the executor", "systemctl kill --kill-whom=main --signal=TERM {unit}", "cancelled"),
        ("SIGKILL of the executor", "systemctl kill --kill-whom=main --signal=KILL {unit}", "failed"),
        ("SIGKILL of both", "kill -KILL $(cat /sys/fs/cgroup$(systemctl show -P ControlGroup {unit})/cgroup.procs)", "failed"),
        ("SIGTERM to the provider", "pkill -TERM -u backupservice -x {program}", None),
        ("SIGKILL of the provider", "pkill -KILL -u backupservice -x {program}", "failed"),
    ]:
        with case(f"after {name} there is a record, and the next run succeeds"):
            known = complete("slow")
            before = begin()
            machine.succeed(kill.format(unit=unit("slow"), program=program))
            let_go_to_its_end(unit("slow"), program)
            wait_for_run("slow", before)
            machine.fail(f"pgrep -u backupservice -x {program}")
            record = last_run("slow")
            machine.log(f"{record['outcome']}: {record['error']}")
            # A provider that was asked to stop by somebody else may say so or fail.
            judged("slow", before, outcome or record["outcome"])
            assert record["outcome"] in ("failed", "cancelled"), record
            goes_on(known)

    with case("a power failure leaves a sound repository and nothing that blocks"):
        known = complete("slow")
        before = begin()
        machine.succeed("sync")
        machine.crash()
        machine.start()
        machine.wait_for_unit("multi-user.target")
        goes_on(known)
        prove_sound(slow)

    with case("a repository that another process works on is passing trouble: status 75"):
        before = last_run_id("slow")
        hold_lock("slow", slow)
        machine.succeed(f"systemctl start --no-block {unit('slow')}")
        tells(passes("slow", before), "locked by another process", "of process", " ago)")
        assert has_lock(slow)

    with case("a lock that was not noted is left alone and reported, however dead its holder looks"):
        machine.succeed("systemctl kill --signal=KILL holder.service")
        wait_for_end("holder.service")
        before = last_run_id("slow")
        machine.succeed(f"systemctl start --no-block {unit('slow')}")
        tells(passes("slow", before), "locked by another process", "of process", " ago)")
        assert has_lock(slow)
        machine.succeed(plain(slow, remove_locks))
        back_up("slow")
        assert not has_lock(slow)
  '';
}
