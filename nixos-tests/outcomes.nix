# What hooks and dumps may come to, and what becomes of the run.
#
# Whoever uses up the machine's memory is killed by the kernel. Where systemd has no
# memory controller, as inside a container, it knows of that only the signal.
{ pkgs, lib, ... }:
{
  name = "outcomes";

  nodes.machine =
    { ... }:
    let
      hundredMegabytes = "head -c 100000000 /dev/zero | tr '\\0' 'x'";

      # Keeps what it reads until the end of a line, which never comes.
      everything = "exec tail /dev/zero";

      hooks = {
        greedy = everything;
        fine = "true";
        refusing = "exit 7";
        killed = "kill -KILL $$";
        terminated = "kill -TERM $$";
        slow = "sleep infinity";
        loud = hundredMegabytes;
        "loud-lines" = "yes 'a line of a hook that says too much' | head -c 100000000 || true";
      };
      dumps = {
        greedy = "echo half; ${everything}";
        fine = "echo dump";
        silent = "true";
        refusing = "echo half; exit 7";
        killed = "echo half; kill -KILL $$";
        slow = "echo half; sleep infinity";
        large = hundredMegabytes;
      };

      mkInstance = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/shared";
        quiesce.units = [ "app.service" ];
      };
      before = lib.mapAttrs' (
        name: command:
        lib.nameValuePair "hook-${name}" (
          mkInstance
          // {
            hooks.beforeBackup = [
              {
                name = "tested";
                inherit command;
                timeout = if name == "slow" then "1s" else "1h";
              }
            ];
          }
        )
      ) hooks;
      after = lib.mapAttrs' (
        name: command:
        lib.nameValuePair "after-${name}" (
          mkInstance
          // {
            hooks.afterBackup = [
              {
                name = "tested";
                inherit command;
                timeout = if name == "slow" then "1s" else "1h";
              }
              {
                name = "last";
                command = "touch /var/lib/app-log/$BACKUP_INSTANCE";
                readWritePaths = [ "/var/lib/app-log" ];
              }
            ];
          }
        )
      ) hooks;
      dumping = lib.mapAttrs' (
        name: dump:
        lib.nameValuePair "dump-${name}" (
          mkInstance
          // {
            streams.tested = {
              inherit dump;
              load = "cat > /dev/null";
            };
          }
        )
      ) dumps;
    in
    {
      imports = [ ../modules ];

      backupservice.instances = before // after // dumping;
      systemd.services.backupservice-dump-slow-dump-tested.serviceConfig.TimeoutStartSec = "1s";

      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
        "d /var/lib/app-log 0755 root root -"
      ];
      systemd.services.app = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
      environment.systemPackages = [ pkgs.restic ];
      virtualisation.memorySize = 1024;
    };

  testScript = ''
    import json

    faults = 0

    def run(instance):
        """Runs it, and returns the record; whatever happens, nothing is left behind."""
        global faults
        faults += 1
        machine.execute(f"systemctl start backupservice-{instance}.service")
        state = f"/var/lib/backupservice/{instance}"
        machine.succeed("systemctl is-active app.service")
        machine.succeed(f"test -z \"$(find /var/lib/backupservice/.staging -type f -size +0)\" && ! test -e {state}/intent.json")
        return json.loads(machine.succeed(f"cat {state}/last-run.json"))

    def status(instance):
        return machine.get_unit_property(f"backupservice-{instance}.service", "ExecMainStatus")

    OUT_OF_MEMORY = ("was killed by signal 9", "was killed because memory ran out")

    WORDS = {
        "refusing": "failed with exit status 7",
        "killed": "was killed by signal 9",
        "terminated": "was killed by signal 15",
        "slow": "did not end in time",
    }

    machine.start()
    machine.wait_for_unit("app.service")

    for name in ("fine", "loud", "loud-lines"):
        with subtest(f"a hook may be {name}"):
            for kind in ("hook", "after"):
                record = run(f"{kind}-{name}")
                assert record["outcome"] == "success" and not record["cleanupFailed"], record

    for name, words in WORDS.items():
        with subtest(f"a hook before the backup that is {name} fails it"):
            record = run(f"hook-{name}")
            assert record["outcome"] == "failed" and record["snapshot"] is None, record
            assert words in record["error"]["message"], record
            assert status(f"hook-{name}") == "1"

    for name, words in WORDS.items():
        with subtest(f"a hook after the backup that is {name} is told, and the next one runs"):
            record = run(f"after-{name}")
            assert record["outcome"] == "success" and record["snapshot"], record
            assert record["cleanupFailed"] and words in record["error"]["message"], record
            machine.succeed(f"test -e /var/lib/app-log/after-{name}")
            assert status(f"after-{name}") == "1"

    for name, words in (WORDS | {"silent": "is empty"}).items():
        if name == "terminated":
            continue
        with subtest(f"a dump that is {name} fails the backup"):
            record = run(f"dump-{name}")
            assert record["outcome"] == "failed" and record["snapshot"] is None, record
            assert words in record["error"]["message"], record

    for kind, outcome in {"hook": "failed", "after": "success", "dump": "failed"}.items():
        with subtest(f"the kernel kills what uses up the memory: {kind}"):
            record = run(f"{kind}-greedy")
            assert any(words in record["error"]["message"] for words in OUT_OF_MEMORY), record
            assert record["outcome"] == outcome and record["cleanupFailed"] == (kind == "after"), record
            assert (record["snapshot"] is None) == (outcome == "failed"), record
    machine.succeed("test -e /var/lib/app-log/after-greedy")

    with subtest("a dump of 100 MB is in the snapshot, to its last byte"):
        record = run("dump-large")
        assert record["outcome"] == "success" and record["totals"]["bytes"] > 100000000, record
        machine.succeed("backupservice restore dump-large --target /srv/look")
        size = machine.succeed("stat -c %s /srv/look/var/lib/backupservice/.staging/dump-large/tested")
        assert size.strip() == "100000000", size
        assert run("dump-fine")["outcome"] == "success"

    print(f"restic: {faults} outcomes of hooks and dumps", flush=True)
  '';
}
