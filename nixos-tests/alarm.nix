# The monitor gets its message out, once or more, never zero times: with a full disk, with each
# of its files damaged, and killed at each of its writes.
{ pkgs, lib, ... }:
let
  python = pkgs.python3;
in
{
  name = "alarm";

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
      backupservice.notify = {
        hooks.chat.command = "${lib.getExe pkgs.curl} -sS --fail --data-binary @- http://localhost:8000/chat";
        ping.app.urlFile = "/run/secrets/ping";
      };

      environment.systemPackages = [
        python
        pkgs.strace
      ];
      systemd.services.server.serviceConfig.ExecStart =
        "${lib.getExe' python "python3"} ${./suites/notify/server.py} 8000 /root/requests hunter2hunter";
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
        "d /run/secrets 0700 root root -"
        "f /run/secrets/ping 0400 root root - http://localhost:8000/ping/hunter2hunter"
      ];
    };

  testScript = ''
    import json

    APP = "backupservice-app.service"
    WATCH = "backupservice-watch.service"
    STATE = "/var/lib/backupservice"
    EVENTS = f"{STATE}/.events"
    COPIES = "/run/backupservice-watch"

    def settle():
        """Until the watch that a run has started is over."""
        machine.wait_until_succeeds(f"systemctl show -P ActiveState {WATCH} | grep -qE 'inactive|failed'")

    def read(lines):
        requests = [json.loads(line) for line in lines.splitlines()]
        kinds = [json.loads(request["body"])["kind"] for request in requests if request["path"] == "/chat"]
        pings = [request["path"].removeprefix("/ping/hunter2hunter") for request in requests if request["path"] != "/chat"]
        return kinds, pings

    def requests():
        """Kinds of the events that the hook has sent, and what the ping has: "" or "/fail"."""
        return read(machine.succeed("cat /root/requests 2>/dev/null || true"))

    def run_app(works):
        """Runs the backup. Returns what was sent about it."""
        machine.succeed("rm -f /root/requests", "rm -f /var/lib/app/broken" if works else "touch /var/lib/app/broken")
        (machine.succeed if works else machine.fail)(f"systemctl start {APP}")
        wanted = "recovered" if works else "failed"
        machine.wait_until_succeeds(f"grep -q {wanted} /root/requests")
        settle()
        return requests()

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("systemctl stop backupservice-watch.timer", "systemctl start server.service")
    machine.wait_for_open_port(8000)
    machine.succeed(f"systemctl start {APP}")
    machine.wait_until_succeeds("test -s /root/requests")
    settle()

    with subtest("on a full disk, where not even the run can write its record"):
        machine.succeed(
            f"cp -a {STATE} /root/state",
            f"mount -t tmpfs -o size=1m,mode=0755 full {STATE}",
            f"cp -a /root/state/. {STATE}",
            f"chown --reference=/root/state {STATE} && chmod --reference=/root/state {STATE}",
            f"dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null || true",
        )
        before = machine.succeed(f"cat {STATE}/app/last-run.json")
        kinds, pings = run_app(False)
        assert set(kinds) == {"failed"} and set(pings) == {"/fail"}, (kinds, pings)
        assert machine.succeed(f"cat {STATE}/app/last-run.json") == before
        machine.fail(f"systemctl start {WATCH}")
        assert requests() == (kinds, pings), requests()

    with subtest("and when there is room again"):
        machine.succeed(f"rm {STATE}/filler")
        kinds, pings = run_app(True)
        assert kinds == ["recovered"] and pings[-1] == "", (kinds, pings)
        machine.succeed(f"cp -a {STATE} /root/now", f"umount {STATE}", f"cp -a /root/now/. {STATE}")

    # From here on the monitor owes this message whenever its state is put back.
    machine.succeed(f"mkdir /root/before && cp -a {EVENTS} /root/before/events && cp -a {COPIES} /root/before/copies")
    assert run_app(False) == (["failed"], ["/fail"])
    machine.succeed(f"cp -a {STATE}/app /root/records")

    PUT_BACK = "; ".join([
        f"rm -rf {EVENTS}/* {COPIES}/*",
        f"cp -a /root/before/events/. {EVENTS} && cp -a /root/before/copies/. {COPIES}",
        f"cp -a /root/records/. {STATE}/app",
        "rm -f /root/requests",
    ])

    with subtest("with each file damaged"):
        files = [f"{place}/{name}" for place in (EVENTS, COPIES) for name in ("cursor.json", "events.json")]
        files += [f"{STATE}/app/{name}" for name in ("last-run.json", "history.json", "last-success.json")]
        commands = [f"truncate -s 100 {file}" for file in files]
        # Both copies of a file at once.
        commands += [f"truncate -s 0 {EVENTS}/{name} {COPIES}/{name}" for name in ("cursor.json", "events.json")]
        for damage in commands:
            sent = machine.succeed(f"{PUT_BACK}; {damage}; systemctl start {WATCH} || true; cat /root/requests")
            kinds, pings = read(sent)
            assert "failed" in kinds and pings and set(pings) == {"/fail"}, (damage, kinds, pings)

    with subtest("killed at each of its writes"):
        command = next(
            line.split("=", 1)[1]
            for line in machine.succeed(f"systemctl cat {WATCH}").splitlines()
            if line.startswith("ExecStart=")
        )
        calls = "/^rename"
        traced = f"/usr/bin/strace -D -o /dev/null --trace={calls} --inject={calls}:signal=KILL:when=''${{KILL_AT}}"
        directory = f"/etc/systemd/system/{WATCH}.d"
        machine.succeed(
            f"mkdir -p {directory}",
            f"cat > {directory}/50-strace.conf <<'END'\n[Service]\nEnvironment=KILL_AT=65535\n"
            "EnvironmentFile=-/run/kill-at\nSystemCallFilter=@debug\n"
            f"ExecStart=\nExecStart={traced} {command}\nEND",
            "systemctl daemon-reload",
        )
        kills = repeated = 0
        while True:
            sent = machine.succeed(
                f"{PUT_BACK}; echo KILL_AT={kills + 1} > /run/kill-at; systemctl start {WATCH} || true;"
                f" systemctl show -P Result {WATCH} > /root/result; rm /run/kill-at;"
                f" systemctl start {WATCH}; cat /root/requests"
            )
            kinds, pings = read(sent)
            assert 1 <= kinds.count("failed") <= 2 and len(set(kinds)) == 1, (kills, kinds)
            assert 1 <= len(pings) <= 2 and set(pings) == {"/fail"}, (kills, pings)
            repeated += len(kinds) - 1
            result = machine.succeed("cat /root/result").strip()
            if result != "signal":
                assert result == "success", result
                break
            kills += 1
        print(f"{kills} kills, {repeated} repeated messages", flush=True)
        assert kills >= 10, kills
  '';
}
