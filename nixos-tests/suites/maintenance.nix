# Maintenance: what is kept, what is freed, what is found, and who waits for whom. What
# has to be known of a provider is in ./maintenance.
{ provider }:
{ pkgs, ... }:
let
  package =
    {
      restic = pkgs.restic;
      borg = pkgs.borgbackup;
    }
    .${provider};
in
{
  name = "maintenance-${provider}";

  nodes.machine =
    { ... }:
    let
      mkInstance =
        name: settings:
        {
          enable = true;
          inherit provider;
          user = "root";
          sourceDirectories = [ "/var/lib/${name}" ];
          repository.path = "/srv/backup/shared";
          maintenance.readData = 100;
        }
        // settings;
      noRules = {
        daily = null;
        weekly = null;
        monthly = null;
      };
    in
    {
      imports = [ ../../modules ];

      backupservice.instances.few = mkInstance "few" {
        retention = noRules // {
          last = 2;
        };
      };
      backupservice.instances.all = mkInstance "all" {
        retention = noRules;
        maintenance.schedule = null;
      };

      backupservice.instances.large = mkInstance "large" { repository.path = "/srv/backup/large"; };
      backupservice.maxConcurrent = 1;

      environment.systemPackages = [ package ];
      systemd.tmpfiles.rules = [
        "d /var/lib/few 0755 root root -"
        "d /var/lib/all 0755 root root -"
        "d /var/lib/large 0755 root root -"
      ];
    };

  testScript = ''
    import json

    repository = "/srv/backup/shared"

    ${builtins.readFile (./maintenance + "/${provider}.py")}
    def back_up(instance):
        """Makes a snapshot of data that no other snapshot has; returns its id."""
        # borg's rule for the last ones counts those of one second as one.
        machine.succeed("now=$(date +%s); while [ $(date +%s) = $now ]; do sleep 0.05; done")
        machine.succeed(f"head -c 1M /dev/urandom > /var/lib/{instance}/data")
        machine.succeed(f"systemctl start backupservice-{instance}.service")
        return last_run(instance)["snapshot"]

    def record(instance):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-maintenance.json"))

    def last_run(instance):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))

    def phases(run):
        return [phase["name"] for phase in run["phases"]]

    def used():
        return int(machine.succeed(f"du -s --block-size=1 {repository}/data").split()[0])

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("systemctl start backupservice-secrets.service")
    machine.succeed(
        "install -m 0400 -o backupservice"
        " /var/lib/backupservice-secrets/srv-backup-shared /run/password"
    )

    with subtest("without a repository there is nothing to do, and that is no failure"):
        machine.succeed("backupservice maintain few")
        assert record("few")["outcome"] == "skipped", record("few")

    few = [back_up("few") for _ in range(4)]
    kept = [back_up("all") for _ in range(4)]
    before = used()

    with subtest("retention keeps what it says, frees the rest, and touches nothing of others"):
        told = machine.succeed("backupservice maintain few")
        assert "2 kept" in told and "repository is sound" in told, told
        assert snapshots("few") == few[2:]
        assert snapshots("all") == kept
        assert before - used() > 1_900_000, (before, used())
        run = record("few")
        assert run["outcome"] == "success" and run["check"] == "sound", run
        assert run["removed"] == few[:2] and run["kept"] == 2, run
        assert run["bytesFreed"] > 1_900_000, run
        assert phases(run) == ["guard", "lock", "forget", "prune", "check"], run
        machine.succeed(f"cmp /var/lib/few/data <({reading(few[3], '/var/lib/few/data')})")

    with subtest("without rules everything is kept"):
        machine.succeed("systemctl start backupservice-all-maintain.service")
        assert snapshots("all") == kept
        assert record("all")["removed"] is None

    with subtest("people, programs and the journal are told"):
        status = machine.succeed("backupservice status")
        assert "MAINTENANCE" in status and "success, just now" in status, status
        listed = {entry["instance"]: entry for entry in json.loads(machine.succeed("backupservice status --json"))}
        assert listed["few"]["lastMaintenance"]["kept"] == 2, listed
        machine.succeed(
            "journalctl --sync && journalctl _SYSTEMD_UNIT=backupservice-few-maintain.service BACKUP_OUTCOME=success | grep -q sound"
        )

    with subtest("it has a timer of its own, unless there is to be none"):
        timer = machine.succeed("systemctl cat backupservice-few-maintain.timer")
        assert "OnCalendar=weekly" in timer and "Persistent=true" in timer, timer
        machine.fail("systemctl cat backupservice-all-maintain.timer")

    with subtest("it sees no data, and has no right to read it"):
        unit = machine.succeed("systemctl cat backupservice-few-maintain.service")
        assert "/var/lib/few\n" not in unit.replace("WantsMountsFor=/var/lib/few", ""), unit
        assert "CAP_" not in unit, unit

    with subtest("a backup and a maintenance of one repository take turns"):
        lock = machine.succeed("ls /run/backupservice/.locks/repository-*").strip()
        machine.succeed(f"systemd-run --unit=other flock --shared {lock} sleep infinity")
        machine.wait_until_fails(f"flock --exclusive --nonblock {lock} true")
        machine.succeed("systemctl start --no-block backupservice-few-maintain.service")
        machine.wait_until_succeeds("backupservice status few | grep -q waiting")
        # Backups need not wait for each other.
        machine.succeed("systemctl start backupservice-all.service")
        assert "waiting" not in phases(last_run("all")), last_run("all")
        machine.succeed("systemctl stop other.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-few-maintain.service | grep -qx inactive")
        assert phases(record("few"))[:4] == ["guard", "lock", "waiting", "forget"], record("few")
        machine.succeed(f"systemd-run --unit=other flock --exclusive {lock} sleep infinity")
        machine.wait_until_fails(f"flock --shared --nonblock {lock} true")
        machine.succeed("systemctl start --no-block backupservice-few.service")
        machine.wait_until_succeeds("systemctl show -P StatusText backupservice-few.service | grep -q waiting")
        machine.succeed("systemctl stop other.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-few.service | grep -qx inactive")

    with subtest("no more instances than allowed work at once"):
        back_up("large")
        machine.succeed("systemd-run --unit=other flock /run/backupservice/.locks/slot-0 sleep infinity")
        machine.wait_until_fails("flock --nonblock /run/backupservice/.locks/slot-0 true")
        machine.succeed("systemctl start --no-block backupservice-large.service")
        machine.wait_until_succeeds("backupservice status large | grep -q waiting")
        machine.succeed("systemctl stop other.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-large.service | grep -qx inactive")
        assert phases(last_run("large"))[1] == "waiting", last_run("large")

    with subtest("data that shrank is suspect until it is accepted"):
        machine.succeed("head -c 60M /dev/urandom > /var/lib/large/data")
        machine.succeed("systemctl start backupservice-large.service")
        machine.succeed("truncate --size 20M /var/lib/large/data")
        machine.fail("systemctl start backupservice-large.service")
        run = last_run("large")
        assert run["outcome"] == "incomplete" and "shrank" in run["error"]["message"], run
        assert "--accept-shrink" in run["error"]["remedy"], run
        machine.succeed("backupservice run large --accept-shrink")
        machine.succeed("systemctl start backupservice-large.service")
        assert last_run("large")["outcome"] == "success", last_run("large")

    # What fails from here on is tried again, but not before this is over.
    machine.succeed(
        "for unit in few few-maintain; do"
        " directory=/run/systemd/system/backupservice-$unit.service.d;"
        " mkdir -p $directory; printf '[Service]\nRestartSec=1h\nRestartMaxDelaySec=2h\n' >$directory/long.conf; done",
        "systemctl daemon-reload",
    )

    def waits_for_the_lock(pid):
        """Maintenance is to be tried again, and says whom it waits for; the lock stays."""
        before = record("few")["runId"]
        machine.succeed("systemctl start --no-block backupservice-few-maintain.service")
        machine.wait_until_fails(f"grep -q {before} /var/lib/backupservice/few/last-maintenance.json")
        machine.wait_until_succeeds("grep -q 'attempt 1 of 5' /var/lib/backupservice/few/last-maintenance.json")
        run = record("few")
        assert run["outcome"] == "failed" and not run["unlocked"], run
        for words in ("locked by another process", f"of process {pid} ", "since 20", " ago)"):
            assert words in run["error"]["message"], (words, run)
        assert "if it is gone for good" in run["error"]["remedy"], run
        status = machine.succeed("backupservice status few")
        assert "locked" in status, status
        assert is_locked()
        machine.succeed("systemctl stop backupservice-few-maintain.service")

    def is_waited_for(green):
        """A backup after the one of this record meets the lock, or does not mind it."""
        machine.succeed("systemctl start --no-block backupservice-few.service")
        machine.wait_until_fails(f"grep -q {green['runId']} /var/lib/backupservice/few/last-run.json")
        machine.wait_until_succeeds("systemctl show -P SubState backupservice-few.service | grep -qxE 'dead|auto-restart'")
        assert (last_run("few")["outcome"] == "success") != locks_shut_out_backups, last_run("few")
        machine.succeed("systemctl stop backupservice-few.service")
        assert is_locked()

    with subtest("the lock of a living process is left alone, and maintenance is told to be stuck"):
        pid = hold_a_lock()
        is_waited_for(last_run("few"))
        waits_for_the_lock(pid)
        machine.succeed("systemctl is-active holder.service", "systemctl stop holder.service")
        machine.succeed("systemctl start backupservice-few-maintain.service")
        assert record("few")["outcome"] == "success" and not is_locked(), record("few")

    with subtest("a lock that nobody here has noted is left alone, however dead its holder looks"):
        pid = hold_a_lock()
        machine.succeed("systemctl kill --signal=KILL holder.service")
        machine.wait_until_fails("systemctl is-active holder.service")
        is_waited_for(last_run("few"))
        waits_for_the_lock(pid)
        # As the remedy says.
        machine.succeed(remove_by_hand)
        machine.succeed("systemctl start backupservice-few-maintain.service")
        assert record("few")["outcome"] == "success" and not is_locked(), record("few")

    with subtest("a maintenance that is killed leaves a record too"):
        machine.succeed(f"systemd-run --unit=other flock --exclusive {lock} sleep infinity")
        machine.wait_until_fails(f"flock --shared --nonblock {lock} true")
        machine.succeed("systemctl start --no-block backupservice-few-maintain.service")
        machine.wait_until_succeeds("systemctl show -P StatusText backupservice-few-maintain.service | grep -q waiting")
        machine.succeed("systemctl kill --kill-whom=main --signal=KILL backupservice-few-maintain.service")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-few-maintain.service | grep -qx failed")
        assert "SIGKILL in phase waiting" in record("few")["error"]["message"], record("few")
        machine.succeed("systemctl stop other.service")

    with subtest("damage is found and told"):
        machine.succeed(
            f"pack=$(find {repository}/data -type f -size +500k | head -1)"
            " && printf damaged | dd of=$pack bs=1 seek=5000 conv=notrunc"
        )
        machine.fail("backupservice maintain few")
        run = record("few")
        assert run["outcome"] == "failed" and run["check"] == "damaged", run
        assert "the repository is damaged" in run["error"]["message"], run
        assert "disk" in run["error"]["remedy"], run
        assert "damaged" in machine.succeed("backupservice status"), run
  '';
}
