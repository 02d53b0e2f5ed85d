# Somebody has taken over the backup of `a`, or the monitor: a shell takes the place of the
# executor, in the sandbox of its unit. It becomes nobody else, writes nothing outside of its own state, and
# steers nothing that has more rights. Each refusal has its negative control.
{ pkgs, ... }:
{
  name = "taken-over";

  nodes.machine =
    { ... }:
    let
      # Whoever runs this writes down the environment, found by PATH.
      mkHook = name: {
        inherit name;
        user = "root";
        command = "env > /var/lib/log/${name}";
        readWritePaths = [ "/var/lib/log" ];
      };

      mkInstance =
        name: settings:
        {
          enable = true;
          user = "app";
          sourceDirectories = [ "/var/lib/app" ];
          repository.path = "/srv/backup/${name}";
        }
        // settings;

      sleeping = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
    in
    {
      imports = [ ../modules ];

      backupservice.instances.a = mkInstance "a" {
        hooks.beforeBackup = [ (mkHook "before") ];
        hooks.afterBackup = [ (mkHook "after") ];
        hooks.afterRestore = [ (mkHook "restored") ];
        quiesce.units = [ "app.service" ];
        restore.units = [ "app.service" ];
        streams.db = {
          dump = "echo dumped";
          load = "cat > /var/lib/app/loaded";
          user = "root";
        };
      };
      backupservice.instances.b = mkInstance "b" {
        hooks.beforeBackup = [ (mkHook "of-b") ];
        quiesce.units = [ "other.service" ];
      };

      users.users.app = {
        isSystemUser = true;
        group = "app";
      };
      users.groups.app = { };
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0750 app app -"
        "f /var/lib/app/data 0640 app app - precious"
        "d /var/lib/log 0755 root root -"
      ];
      # Takes the place of the executor.
      environment.etc."taken-over".source = pkgs.writeShellScript "taken-over" ''
        . /var/lib/backupservice/a/attack > /var/lib/backupservice/a/said 2>&1
      '';
      environment.etc."taken-over-monitor".source = pkgs.writeShellScript "taken-over-monitor" ''
        . /var/lib/backupservice/a/attack 2>&1
      '';
      # Its input is in the journal.
      backupservice.notify.hooks.tell.command = "cat";
      systemd.services.app = sleeping;
      systemd.services.other = sleeping;
    };

  testScript = ''
    import json

    STATE = "/var/lib/backupservice/a"
    DROP_IN = "/run/systemd/system/backupservice-a.service.d/taken-over.conf"
    MANAGER = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
    VICTIM = "/etc/victim"

    def begin():
        machine.succeed(
            f"rm -rf {VICTIM} /var/lib/log/* && mkdir {VICTIM} && echo untouched > {VICTIM}/file",
        )

    def harmed():
        return machine.succeed(f"cat {VICTIM}/file; ls -A {VICTIM} /var/lib/log")

    UNHARMED = "untouched\n/etc/victim:\nfile\n\n/var/lib/log:\n"

    def take_over(script):
        """Runs a shell script as the unit of `a`, and returns what it says."""
        machine.succeed(
            f"install -d -o backupservice -g backupservice {STATE}",
            f"cat > {STATE}/attack <<'END'\n{script}\nEND",
            f"mkdir -p {DROP_IN.rpartition('/')[0]}",
            f"printf '[Service]\\nExecStart=\\nExecStart={shell}\\n' > {DROP_IN}",
            "systemctl daemon-reload",
        )
        machine.execute("systemctl start backupservice-a.service")
        machine.succeed(f"rm {DROP_IN} && systemctl daemon-reload")
        quiet()
        said = machine.succeed(f"cat {STATE}/said")
        machine.log(said)
        return said

    def quiet():
        machine.wait_until_succeeds("test -z \"$(systemctl list-jobs --no-legend)\"")

    def back_up():
        machine.succeed("systemctl start backupservice-a.service")

    def start(unit):
        return MANAGER + f"StartUnit ss {unit} replace && echo did-it"

    def stop(unit):
        return MANAGER + f"StopUnit ss {unit} replace && echo did-it"

    machine.start()
    shell = machine.succeed("readlink -f /etc/taken-over").strip()
    touch = machine.succeed("readlink -f $(command -v touch)").strip()
    machine.wait_for_unit("app.service")
    machine.wait_for_unit("other.service")
    begin()
    back_up()

    with subtest("a hook receives five variables, whatever is known"):
        environment = dict(
            line.partition("=")[::2] for line in machine.succeed("cat /var/lib/log/before").splitlines()
        )
        facts = {name: value for name, value in environment.items() if name.startswith("BACKUP_")}
        assert facts.pop("BACKUP_RUN_ID") and facts == {
            "BACKUP_INSTANCE": "a", "BACKUP_PHASE": "before-backup", "BACKUP_OUTCOME": "", "BACKUP_SNAPSHOT": "",
        }, facts
        after = machine.succeed("cat /var/lib/log/after")
        assert "BACKUP_OUTCOME=success" in after and "BACKUP_SNAPSHOT=\n" not in after, after

    with subtest("the shell has the rights of the executor"):
        said = take_over("id -un; cat /var/lib/app/data; echo; touch /srv/backup/a/x && rm /srv/backup/a/x && echo wrote; ls /root /etc/victim")
        assert said.startswith("backupservice\nprecious\nwrote\n") and "cannot access" in said, said

    with subtest("no fact becomes another variable of a root hook, or its code"):
        evil = f"{STATE}/bin"
        fact = {"runId": "0af", "phase": "after-backup", "outcome": "success", "snapshot": "abc"}
        files = [
            json.dumps(fact | {"PATH": evil}),
            json.dumps(fact | {"snapshot": f"abc\nPATH={evil}"}),
            json.dumps(fact | {"snapshot": f"\"\nPATH={evil}"}),
            json.dumps(fact | {"phase": f"after-backup PATH={evil}"}),
            f"PATH={evil}\nBASH_ENV={evil}/env\nPERL5OPT=-M/evil\nNODE_OPTIONS=--require=/evil\n",
            "BACKUP_PHASE=\"x\nPATH=" + evil + "\"\n",
        ]
        prepare = f"mkdir -p {evil}; printf '#!/bin/sh\\necho owned > /var/lib/log/owned\\n' > {evil}/env; chmod +x {evil}/env; cd /run/backupservice/a; rm -f hook.env hook.json\n"
        for content in files + ["a link", "a fifo", "too much"]:
            begin()
            attack = prepare
            for name in ("hook.env", "hook.json"):
                attack += {
                    "a link": f"echo 'PATH={evil}' > {STATE}/facts; ln -s {STATE}/facts {name}\n",
                    "a fifo": f"mkfifo {name}\n",
                    "too much": f"head -c 10000000 /dev/zero > {name}\n",
                }.get(content, f"cat > {name} <<'FACTS'\n{content}\nFACTS\n")
            take_over(attack + start("backupservice-a-after-after.service"))
            machine.wait_until_succeeds("systemctl is-failed backupservice-a-after-after.service")
            assert harmed() == UNHARMED, harmed()
        # The way that facts take is open: these are good, and the hook runs.
        begin()
        take_over(f"rm -f /run/backupservice/a/hook.*; echo '{json.dumps(fact)}' > /run/backupservice/a/hook.json; " + start("backupservice-a-after-after.service"))
        assert "BACKUP_SNAPSHOT=abc" in machine.succeed("cat /var/lib/log/after")

    with subtest("no dump is written through a link, and no other file is loaded"):
        begin()
        staging = "/var/lib/backupservice/.staging/a"
        said = take_over("\n".join([
            f"mkdir -p {STATE}/staging; rm -rf {STATE}/staging/db; ln -s /etc/victim/file {STATE}/staging/db",
            f"ln -sf /etc/victim/file {staging}/db; ln -s /etc/victim/file {staging}/new; mv {staging} {staging}.old",
            f"rm -rf {staging}/db {STATE}/staging; ln -s /etc/victim {STATE}/staging",
            f"mkdir {staging}/../evil /var/lib/backupservice/.restores/a/staging && echo made-it",
            f"ln -s /etc/shadow /var/lib/backupservice/.restores/a/x && echo made-it",
            start("backupservice-a-dump-db.service"),
            f"echo mine >> {staging}/db && echo wrote",
        ]))
        assert "made-it" not in said and "did-it" in said and "wrote" in said, said
        assert harmed() == UNHARMED, harmed()
        back_up()
        machine.succeed(f"test -f {staging}/db && ! test -s {staging}/db")
        begin()
        machine.succeed("backupservice restore a")
        assert machine.succeed("cat /var/lib/app/loaded") == "dumped\n"
        assert machine.succeed(f"cat {VICTIM}/file") == "untouched\n"

    def intent(steps, operation="backup"):
        return json.dumps({
            "version": 1, "instance": "a", "provider": "restic", "operation": operation, "runId": "0af",
            "started": machine.succeed("date -u +%FT%TZ").strip(), "attempt": 1, "phase": "backup", "outcome": None,
            "snapshot": None, "steps": [dict(step, done=False) for step in steps],
        })

    def plant(content):
        """Leaves a journal as a maintenance could, which never reads one at its end."""
        machine.succeed(
            f"cat > {STATE}/intent.json <<'JSON'\n{content}\nJSON", f"chown backupservice:backupservice {STATE}/intent.json"
        )

    with subtest("no journal that a backup has written makes recovery touch a file or a unit of others"):
        replace = {"from": f"{STATE}/evil", "to": "/etc/victim/file", "fresh": f"{STATE}/fresh", "existed": True}
        for operation, step in (
            ("backup", {"action": "rollBack", **replace}),
            ("restore", {"action": "rollBack", **replace}),
            ("backup", {"action": "putBack", **replace}),
            ("backup", {"action": "remove", "path": "/etc/victim"}),
            ("backup", {"action": "stop", "unit": "other.service"}),
            ("backup", {"action": "stop", "unit": "backupservice-b-before-of-b.service"}),
            ("backup", {"action": "hook", "phase": "after-backup", "name": "x", "unit": "backupservice-a-after-restore-restored.service"}),
            ("backup", {"action": "load", "name": "db", "unit": "backupservice-a-load-db.service"}),
            ("backup", {"action": "start", "unit": "backupservice-b-restore@latest.service"}),
        ):
            begin()
            place = "/var/lib/backupservice/.restores/a/intent.json"
            take_over(
                f"echo evil > {STATE}/evil\ncat > {STATE}/intent.json <<'JSON'\n{intent([step], operation)}\nJSON\n"
                f"cp {STATE}/intent.json {place}; ln -s {STATE}/intent.json {place}"
            )
            machine.fail(f"test -e {place}")
            plant(intent([step], operation))
            machine.fail("systemctl start backupservice-recover.service")
            assert harmed() == UNHARMED, harmed()
            machine.succeed("systemctl is-active other.service")
            # Nobody knows what the run had stopped: the next one does not pass over it.
            machine.fail("systemctl start backupservice-a.service")
            error = json.loads(machine.succeed(f"cat {STATE}/last-run.json"))["error"]
            assert f"rm {STATE}/intent.json" in error["remedy"], error
            machine.succeed(f"rm {STATE}/intent.json")
        # Recovery does what a journal may ask for.
        begin()
        machine.succeed("systemctl stop app.service")
        plant(intent([{"action": "start", "unit": "app.service"}]))
        machine.succeed("systemctl start backupservice-recover.service")
        machine.succeed("systemctl is-active app.service", f"! test -e {STATE}/intent.json")

    with subtest("restores and recovery follow no link in what instances share"):
        begin()
        shared = "/run/backupservice"
        said = take_over("\n".join([
            f"rm -rf {shared}/.stopped/*/* {shared}/.locks/stopped",
            f"ln -s /etc/victim/file {shared}/.locks/stopped; ln -s /etc/victim/file {shared}/.stopped/app.service/a && echo linked",
            f"ln -sf /etc/victim/new {shared}/a/lock.new; ln -s /etc/victim/file {shared}/a/restore-state.json.new",
        ]))
        assert "linked" in said, said
        plant(intent([{"action": "start", "unit": "app.service"}]))
        machine.execute("systemctl start backupservice-recover.service; backupservice restore a")
        machine.succeed(f"grep -x untouched {VICTIM}/file && test \"$(ls -A {VICTIM})\" = file")
        machine.succeed(f"rm -rf {shared}/.locks/stopped {shared}/.stopped/app.service/a {STATE}/intent.json", "systemctl start app.service")
        back_up()

    with subtest("nobody keeps a unit of another instance stopped"):
        stopped = "/run/backupservice/.stopped"
        take_over("\n".join(
            f"mkdir -p {claim.rpartition('/')[0]}; touch {claim}"
            for claim in (f"{stopped}/other.service/a", f"{stopped}/a/other.service", f"{stopped}/ghost/other.service")
        ))
        machine.succeed("systemctl start backupservice-b.service", "systemctl is-active other.service")

    with subtest("a backup starts and stops its own, and nothing else"):
        begin()
        refused = [
            start("backupservice-a-load-db.service"),
            start("backupservice-a-after-restore-restored.service"),
            start("backupservice-a-restore@latest.service"),
            start("backupservice-b-before-of-b.service"),
            start("backupservice-b.service"),
            stop("other.service"),
            stop("backupservice-b.service"),
        ]
        for call in refused:
            assert "did-it" not in take_over(call), call
        machine.succeed("systemctl is-active other.service app.service")
        assert harmed() == UNHARMED, harmed()
        # What is refused here is possible, and its own calls are allowed.
        machine.succeed(*refused[:2], start("backupservice-b-before-of-b.service"))
        quiet()
        machine.succeed("test -e /var/lib/log/of-b")
        assert "did-it" in take_over(stop("app.service")), "its own unit is stopped"
        machine.fail("systemctl is-active app.service")
        assert "did-it" in take_over(start("app.service")), "and started"
        machine.succeed("systemctl is-active app.service")

    def take_over_monitor(script):
        """Runs a shell script as the monitor, and returns what it says."""
        watch = "backupservice-watch.service"
        drop_in = f"/run/systemd/system/{watch}.d/taken-over.conf"
        program = machine.succeed("readlink -f /etc/taken-over-monitor").strip()
        machine.succeed(
            f"cat > {STATE}/attack <<'END'\n{script}\nEND\nchmod 644 {STATE}/attack",
            f"mkdir -p {drop_in.rpartition('/')[0]} && printf '[Service]\\nExecStart=\\nExecStart={program}\\n' > {drop_in}",
            f"systemctl daemon-reload && systemctl start {watch}",
        )
        run = machine.get_unit_property(watch, "InvocationID")
        machine.succeed(f"rm {drop_in} && systemctl daemon-reload")
        quiet()
        said = machine.succeed(f"journalctl --sync && journalctl --output=cat _SYSTEMD_INVOCATION_ID={run}")
        machine.log(said)
        return said

    with subtest("the monitor shows a notification hook nothing but what it knows itself"):
        begin()
        quiet()
        machine.succeed(f"install -m 600 /dev/stdin {VICTIM}/file <<< untouched-and-secret")
        place = "/run/backupservice-notify"
        said = take_over_monitor("\n".join([
            "id -un",
            f"mkdir {place}/new && echo made-it",
            f"mv {place} {place}-old && echo made-it",
            f"mv {place}/tell.json {place}/old && echo made-it",
            f"ln -sfn {VICTIM}/file {place}/tell.json && echo made-it",
            start("backupservice-notify-tell.service"),
        ]))
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-notify-tell.service | grep -qxE 'inactive|failed'")
        tells = "journalctl --sync && journalctl --output=cat _SYSTEMD_UNIT=backupservice-notify-tell.service"
        assert "secret" not in machine.succeed(tells), machine.succeed(tells)
        assert said.startswith("backupservice-notify\n") and "did-it" in said and "made-it" not in said, said
        # What it may do: tell the hook what it likes.
        take_over_monitor(f"echo a-tale > {place}/tell.json\n" + start("backupservice-notify-tell.service"))
        machine.wait_until_succeeds(f"{tells} | grep -x a-tale")
        # And what a real event looks like.
        machine.succeed("mv /var/lib/app /var/lib/gone")
        machine.fail("systemctl start backupservice-a.service")
        quiet()
        machine.wait_until_succeeds(f"{tells} | grep '\"kind\":\"failed\"'")
        machine.succeed("mv /var/lib/gone /var/lib/app")

    with subtest("a unit of ours whose file is missing cannot be made up"):
        ghost = "backupservice-a-before-before.service"
        begin()
        made_up = MANAGER + (
            f"StartTransientUnit 'ssa(sv)a(sa(sv))' {ghost} replace 1"
            f" ExecStart 'a(sasb)' 1 {touch} 2 touch /etc/victim/owned false 0 && echo did-it"
        )
        machine.succeed(
            f"cp -a /etc/systemd/system/. /run/other-units && rm /run/other-units/{ghost}",
            "mount --bind /run/other-units /etc/systemd/system && systemctl daemon-reload",
        )
        assert "did-it" not in take_over(made_up)
        assert harmed() == UNHARMED, harmed()
        machine.succeed(made_up)
        machine.wait_until_succeeds("test -e /etc/victim/owned")
        machine.succeed("umount /etc/systemd/system && systemctl daemon-reload")

    with subtest("all is well afterwards"):
        back_up()
        machine.succeed("systemctl start backupservice-b.service", "systemctl is-active app.service other.service")
  '';
}
