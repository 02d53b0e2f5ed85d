# Notifications about backups that fail, are incomplete, are overdue or work again: via Apprise,
# hooks, pings and desktops. What cannot be sent is shown in the status, and sent later.
{ pkgs, lib, ... }:
let
  python = pkgs.python3.withPackages (packages: [ packages.jeepney ]);
in
{
  name = "notify";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.app = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
        hooks.beforeBackup = [ "test ! -e /var/lib/app/broken" ];
      };
      # Due every second, and started by nobody.
      backupservice.instances.soon = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/soon";
        schedule = "*-*-* *:*:*";
        randomizedDelay = "0";
      };
      systemd.timers.backupservice-soon.wantedBy = lib.mkForce [ ];

      backupservice.notify = {
        grace = "1s";
        apprise.phone.urlFile = "/run/secrets/phone";
        ping.app = {
          urlFile = "/run/secrets/ping";
          instances = [ "app" ];
        };
        hooks.chat = {
          command = ''${lib.getExe pkgs.curl} -sS --fail --data-binary @- "http://localhost:8000/hook-of-$(id -un)"'';
          user = "tester";
          instances = [ "app" ];
        };
        desktop.users = [ "alice" ];
      };

      users.users =
        lib.mapAttrs
          (_: uid: {
            isNormalUser = true;
            inherit uid;
          })
          {
            tester = 1000;
            alice = 2001;
            bob = 2002;
          };

      environment.systemPackages = [ python ];
      systemd.services.server.serviceConfig.ExecStart =
        "${lib.getExe' python "python3"} ${./suites/notify/server.py} 8000 /root/requests hunter2hunter";
      environment.etc."recorder.py".source = ./suites/notify/recorder.py;
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
        "d /run/secrets 0700 root root -"
        "f /run/secrets/phone 0400 root root - json://user:hunter2hunter@localhost:8000/inbox"
        "f /run/secrets/ping 0400 root root - http://localhost:8000/ping/hunter2hunter"
      ];
    };

  testScript = ''
    import json

    APP = "backupservice-app.service"
    WATCH = "backupservice-watch.service"

    def requests(path):
        """What the server was sent there, oldest first."""
        _, lines = machine.execute("cat /root/requests 2>/dev/null")
        entries = [json.loads(line) for line in lines.splitlines()]
        assert not any(entry["shown"] for entry in entries), entries
        return [entry["body"] for entry in entries if entry["path"] == path]

    def settle():
        """Until the watch that a run has started is over."""
        machine.wait_until_succeeds(f"systemctl show -P ActiveState {WATCH} | grep -qE 'inactive|failed'")

    def forget():
        settle()
        machine.succeed("rm -f /root/requests")

    def inbox(instance):
        """What Apprise delivered about an instance."""
        messages = map(json.loads, requests("/inbox"))
        return [(m["title"], m["message"], m["type"]) for m in messages if f" of {instance} " in m["title"]]

    def run_app(works):
        machine.succeed("rm -f /var/lib/app/broken" if works else "touch /var/lib/app/broken")
        (machine.succeed if works else machine.fail)(f"systemctl start {APP}")
        # The watch is started after the run has ended.
        run_id = json.loads(machine.succeed("cat /var/lib/backupservice/app/last-run.json"))["runId"]
        machine.wait_until_succeeds(f"grep -q {run_id} /run/backupservice-watch/cursor.json")
        settle()

    def as_user(user, command):
        uid = machine.succeed(f"id -u {user}").strip()
        return f"runuser -u {user} -- env XDG_RUNTIME_DIR=/run/user/{uid} DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus {command}"

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("systemctl start server.service")
    machine.wait_for_open_port(8000)

    with subtest("while all is well, only who expects it is pinged"):
        run_app(True)
        assert requests("/ping/hunter2hunter") == ["All backups are healthy: app"], requests("/ping/hunter2hunter")
        assert inbox("app") == [] and requests("/hook-of-tester") == []

    with subtest("a failure goes everywhere, with what to do"):
        forget()
        run_app(False)
        [(title, body, kind)] = inbox("app")
        assert title == "Backup of app failed" and kind == "failure", (title, kind)
        run_id = json.loads(machine.succeed("cat /var/lib/backupservice/app/last-run.json"))["runId"]
        assert 'the hook "1"' in body and f"journalctl _SYSTEMD_INVOCATION_ID={run_id}" in body, body
        [event] = map(json.loads, requests("/hook-of-tester"))
        assert event["kind"] == "failed" and event["record"]["runId"] == run_id, event
        assert event["remedy"] and event["remedy"] in body, (event, body)
        [ping] = requests("/ping/hunter2hunter/fail")
        assert "Backup of app failed" in ping and event["remedy"] in ping, ping

    with subtest("and so does the first success after it, but no other"):
        forget()
        run_app(True)
        run_app(True)
        assert [(title, kind) for title, _, kind in inbox("app")] == [("Backup of app works again", "success")], inbox("app")
        assert [json.loads(event)["kind"] for event in requests("/hook-of-tester")] == ["recovered"]
        assert len(requests("/ping/hunter2hunter")) == 2 and not requests("/ping/hunter2hunter/fail")

    with subtest("what cannot be sent is shown in the status, and sent later"):
        forget()
        machine.succeed("systemctl stop server.service")
        run_app(False)
        assert machine.get_unit_property(WATCH, "ActiveState") == "failed"
        status = machine.succeed("backupservice status")
        for channel in ("apprise:phone", "ping:app", "hook:chat"):
            assert f"cannot send notifications via {channel}" in status, status
        undelivered = "d154f4edf39c4dab8559747463381e0b"
        told = machine.succeed(f"journalctl --sync && journalctl -o cat -u {WATCH} MESSAGE_ID={undelivered} BACKUP_CHANNEL=ping:app")
        assert "could not send the notification via ping:app, will retry: curl failed" in told, told
        machine.succeed("systemctl start server.service")
        machine.wait_for_open_port(8000)
        machine.succeed(f"systemctl start {WATCH}")
        assert [title for title, *_ in inbox("app")] == ["Backup of app failed"], inbox("app")
        assert len(requests("/ping/hunter2hunter/fail")) == 1 and len(requests("/hook-of-tester")) == 1
        machine.fail("backupservice status | grep 'cannot send notifications'")
        machine.succeed(f"systemctl start {WATCH}")
        assert len(inbox("app")) == 1, inbox("app")

    with subtest("a file of a URL that is missing silences nobody else"):
        forget()
        machine.succeed("mv /run/secrets/ping /run/secrets/away")
        run_app(True)
        assert [title for title, *_ in inbox("app")] == ["Backup of app works again"], inbox("app")
        assert machine.get_unit_property(WATCH, "ActiveState") == "failed"
        machine.succeed("backupservice status | grep 'the URL file is missing or empty'")
        machine.succeed("mv /run/secrets/away /run/secrets/ping", f"systemctl start {WATCH}")
        assert requests("/ping/hunter2hunter") == ["All backups are healthy: app"]

    with subtest("a test message goes through every address, and is answered for"):
        forget()
        answers = machine.succeed("backupservice notify-test").splitlines()
        assert answers == ["apprise:phone: sent", "ping:app: sent", "hook:chat: sent"], answers
        [message] = map(json.loads, requests("/inbox"))
        assert message["title"] == "Test of backup notifications", message
        assert len(requests("/ping/hunter2hunter/fail")) == 1
        assert requests("/ping/hunter2hunter") == ["All backups are healthy: app"]
        status, answer = machine.execute("backupservice notify-test nobody 2>&1")
        assert status != 0, answer
        machine.succeed("mv /run/secrets/ping /run/secrets/away")
        status, answer = machine.execute("backupservice notify-test app")
        assert status == 1 and "ping:app: NOT SENT: the URL file is missing or empty" in answer, answer
        machine.succeed("mv /run/secrets/away /run/secrets/ping", f"systemctl start {WATCH}")

    EVENTS = "/var/lib/backupservice/.events"

    with subtest("a full or read-only disk silences nobody, and repeats nothing"):
        owner = "uid=$(id -u backupservice-notify),gid=$(id -g backupservice-notify)"
        machine.succeed(
            f"cp -a {EVENTS} /root/events",
            f"mount -t tmpfs -o size=256k,mode=0755,{owner} full {EVENTS}",
            f"cp -a /root/events/. {EVENTS}",
            f"dd if=/dev/zero of={EVENTS}/filler bs=4k || true",
        )
        forget()
        run_app(False)
        assert [title for title, *_ in inbox("app")] == ["Backup of app failed"], inbox("app")
        machine.fail(f"systemctl start {WATCH}")
        machine.succeed(f"journalctl --sync && journalctl -u {WATCH} -g 'No space left on device'")
        machine.succeed(f"mount -o remount,ro {EVENTS}")
        run_app(True)
        machine.execute(f"systemctl start {WATCH}")
        titles = [title for title, *_ in inbox("app")]
        assert titles == ["Backup of app failed", "Backup of app works again"], titles
        assert len(requests("/hook-of-tester")) == 2, requests("/hook-of-tester")
        machine.succeed(f"umount {EVENTS}", f"systemctl start {WATCH}")
        assert len(inbox("app")) == 2, inbox("app")

    with subtest("nor does a damaged file"):
        for number, name in enumerate(["cursor.json", "events.json"]):
            forget()
            machine.succeed(f"truncate -s 100 {EVENTS}/{name}")
            run_app(number % 2 == 1)
            title = "Backup of app works again" if number % 2 else "Backup of app failed"
            assert title in [title for title, *_ in inbox("app")], (name, inbox("app"))
            machine.succeed(f"test $(stat -c %s {EVENTS}/{name}.unreadable) = 100")
        machine.succeed(f"systemctl start {WATCH}")

    with subtest("no secret is in the journal, and none in what everybody may read"):
        machine.fail("journalctl --sync && journalctl | grep hunter2hunter")
        machine.fail("grep -r hunter2hunter /var/lib/backupservice")

    def overdue():
        """Has the watch look until the backup is late; returns what is told then."""
        machine.wait_until_succeeds(f"systemctl start {WATCH}; grep -q 'soon is overdue' /root/requests")
        settle()
        [body] = [body for title, body, _ in inbox("soon") if title == "Backup of soon is overdue"]
        return body

    with subtest("a timer that is stopped is overdue"):
        forget()
        machine.succeed("systemctl start backupservice-soon.service")
        body = overdue()
        assert "backupservice-soon.timer is stopped" in body, body
        assert "systemctl start backupservice-soon.timer" in body, body
        late = "MESSAGE_ID=a0d6a4596d464401a7007fa3e2662e8b BACKUP_INSTANCE=soon"
        machine.succeed(f"journalctl --sync && journalctl -p err -u {WATCH} {late} | grep -q stopped")
        machine.succeed("backupservice status | grep '^soon.*, overdue'")

    with subtest("and one that is masked"):
        forget()
        # As `systemd.timers.backupservice-soon.enable = false` does.
        machine.succeed("ln -sf /dev/null /etc/systemd/system/backupservice-soon.timer", "systemctl daemon-reload")
        machine.succeed("systemctl start backupservice-soon.service")
        body = overdue()
        assert [title for title, *_ in inbox("soon")] == ["Backup of soon works again", "Backup of soon is overdue"], inbox("soon")
        assert "backupservice-soon.timer is masked" in body and "systemctl unmask --runtime" in body, body

    with subtest("a unit that leaves no record is told, too"):
        forget()
        machine.succeed(
            "mkdir -p /run/systemd/system/backupservice-app.service.d",
            "printf '[Service]\\nRootDirectory=/nonexistent\\n' > /run/systemd/system/backupservice-app.service.d/broken.conf",
            "systemctl daemon-reload",
        )
        machine.fail(f"systemctl start {APP}")
        machine.wait_until_succeeds("grep -q 'failed before it could write a record' /root/requests")
        settle()
        [(title, body, _)] = inbox("app")
        assert title == "Backup of app failed" and "exit status 2" in body, (title, body)
        machine.succeed("rm -r /run/systemd/system/backupservice-app.service.d", "systemctl daemon-reload")
        run_app(True)

    def log_in(user):
        uid = machine.succeed(f"id -u {user}").strip()
        machine.succeed(f"systemctl start user@{uid}.service")

    def notes(user):
        _, lines = machine.execute(f"cat /home/{user}/notes 2>/dev/null")
        return [json.loads(line) for line in lines.splitlines()]

    NOTIFY = "backupservice-notify-desktop"

    with subtest("what happened before the login is shown when there is a desktop"):
        assert notes("alice") == []
        log_in("alice")
        log_in("bob")
        # No notification server yet.
        machine.wait_until_succeeds("journalctl | grep -q 'no notification server yet'")
        machine.succeed(as_user("alice", f"systemctl --user is-active {NOTIFY}.service"))
        # One that is gone in the middle of the call is waited for as well.
        machine.succeed(as_user("alice", "systemd-run --user --wait python3 /etc/recorder.py /home/alice/notes dies"))
        for user in ("alice", "bob"):
            machine.succeed(as_user(user, f"systemd-run --user --unit=recorder python3 /etc/recorder.py /home/{user}/notes"))
        machine.wait_until_succeeds("test -s /home/alice/notes")
        machine.wait_until_fails(as_user("alice", f"systemctl --user is-active {NOTIFY}.service"))
        machine.fail("journalctl --sync && journalctl | grep 'cannot show the notifications'")
        # Of app all is well, and alice never heard otherwise.
        [note] = notes("alice")
        assert note["title"] == "Backup of soon is overdue" and note["urgency"] == 2, note
        assert "unmask --runtime backupservice-soon.timer &amp;&amp;" in note["body"], note

    with subtest("and what happens afterwards at once"):
        run_app(False)
        machine.wait_until_succeeds("grep -q 'app failed' /home/alice/notes")
        run_app(True)
        machine.wait_until_succeeds("grep -q 'app works again' /home/alice/notes")
        assert [note["title"] for note in notes("alice")[1:]] == ["Backup of app failed", "Backup of app works again"], notes("alice")
        machine.succeed("test -s /home/alice/.local/state/backupservice/shown.json")

    with subtest("others see nothing"):
        machine.succeed(as_user("bob", f"systemctl --user start {NOTIFY}.service"))
        result = machine.succeed(as_user("bob", f"systemctl --user show -P ConditionResult {NOTIFY}.service"))
        assert result.strip() == "no", result
        assert notes("bob") == []

    with subtest("who tells may start its hooks, and nothing else"):
        machine.fail("runuser -u backupservice-notify -- systemctl start backupservice-app.service")
        machine.fail("runuser -u alice -- systemctl start backupservice-notify-chat.service")

    with subtest("it can do little else"):
        score = machine.succeed(f"systemd-analyze security {WATCH} --no-pager | tail -1")
        machine.log(score)
        assert float(score.split(":")[1].split()[0]) <= 2.5, score
  '';
}
