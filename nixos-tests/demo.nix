# The main job, shown: a calendar server is backed up, lost, and brought back.
# `make demo` runs it on Debian, `nix run .#demo` in a virtual machine.
{ pkgs, ... }:
{
  name = "demo";

  nodes.machine =
    { ... }:
    {
      imports = [
        ../modules
        ./demo/configuration.nix
        ./suites/holding.nix
      ];

      services.radicale = {
        enable = true;
        settings = {
          server.hosts = [ "127.0.0.1:5232" ];
          auth.type = "none";
          storage.filesystem_folder = "/var/lib/radicale/collections";
        };
      };

      environment.systemPackages = [
        pkgs.curl
        pkgs.restic
      ];
    };

  testScript = ''
    ${builtins.readFile ./suites/holding/script.py}
    configuration = ${builtins.toJSON (builtins.readFile ./demo/configuration.nix)}
    calendar = "http://127.0.0.1:5232/alice/calendar/"

    def show(title, *commands):
        """Prints commands with what they print, as a person would see them."""
        print(f"\n### {title}\n")
        for command in commands:
            print(f"$ {command}")
            status, output = machine.execute(f"{command} 2>&1")
            print("".join(f"  {line}\n" for line in output.splitlines()))

    def request(method, path, body=""):
        return machine.succeed(
            f"curl --silent --show-error --fail --user alice: --request {method} "
            f"--header 'Content-Type: text/calendar' --data-binary '{body}' {calendar}{path}"
        )

    def event(number):
        return (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:demo\r\nBEGIN:VEVENT\r\n"
            f"UID:event-{number}\r\nSUMMARY:Meeting {number}\r\n"
            "DTSTAMP:20260101T090000Z\r\nDTSTART:20260101T090000Z\r\n"
            "END:VEVENT\r\nEND:VCALENDAR\r\n"
        )

    def events():
        return sorted(
            line for line in request("GET", "").splitlines() if line.startswith("SUMMARY")
        )

    machine.start()
    machine.wait_for_unit("radicale.service")
    machine.wait_for_open_port(5232)

    with subtest("Radicale holds a calendar of 20 events, written over HTTP"):
        request("MKCALENDAR", "")
        for number in range(20):
            request("PUT", f"event-{number}.ics", event(number))
        saved = events()
        assert len(saved) == 20, saved
        show("A calendar, read over HTTP", f"curl --silent --user alice: {calendar} | grep SUMMARY | head -3")

    with subtest("one unit for each identity was generated"):
        print("\n### The configuration of its backup\n")
        print("".join(f"  {line}\n" for line in configuration.splitlines()))
        show(
            "What NixOS generated from it",
            "systemctl list-unit-files 'backupservice-*' --no-pager --no-legend",
            "systemctl list-timers 'backupservice-*' --no-pager",
        )

    with subtest("a backup shows its progress and ends in a snapshot"):
        machine.succeed(
            "cd /var/lib/radicale/collections && for i in 1 2; do head -c 30M /dev/urandom > attachment-$i; done",
            "chown radicale: /var/lib/radicale/collections/attachment-*",
        )
        # It goes on when there was time to look.
        hold("/var/lib/radicale/collections/attachment-2")
        machine.succeed("systemctl start --no-block backupservice-radicale.service")
        wait_until_held()
        machine.wait_until_succeeds("systemctl show -P StatusText backupservice-radicale.service | grep -q '[1-9]0*%'")
        bus = "org.backupservice1 /org/backupservice1/instance/radicale org.backupservice1.Instance"
        show(
            "While it runs",
            "systemctl status --no-pager --lines 0 backupservice-radicale.service",
            "backupservice status",
            f"busctl get-property {bus} State Phase Progress",
        )
        let_go()
        machine.wait_until_succeeds(
            "systemctl show -P ActiveState backupservice-radicale.service | grep -qxE 'inactive|failed'"
        )
        assert machine.get_unit_property("backupservice-radicale.service", "Result") == "success"
        machine.succeed("systemctl is-active radicale.service")
        show(
            "When it has run",
            "backupservice status",
            "backupservice snapshots radicale",
            "journalctl --unit backupservice-radicale.service --no-pager --output cat | tail -20",
            "journalctl --unit backupservice-radicale.service --no-pager --output json BACKUP_OUTCOME=success"
            " | tail -1 | tr ',' '\\n' | grep BACKUP_",
        )

    with subtest("a disaster: the calendar is gone"):
        machine.succeed("systemctl stop radicale.service", "rm -rf /var/lib/radicale/collections/*")
        machine.succeed("systemctl start radicale.service")
        machine.wait_for_open_port(5232)
        machine.fail(f"curl --silent --fail --user alice: {calendar}")
        show("A disaster", f"curl --silent --show-error --fail --user alice: {calendar}")

    with subtest("a restore brings all 20 events back"):
        show("The restore", "backupservice restore radicale")
        machine.wait_for_open_port(5232)
        assert events() == saved, events()
        show("The calendar is back", f"curl --silent --user alice: {calendar} | grep -c SUMMARY")

    with subtest("a backup that cannot be good fails, and says what to do"):
        machine.succeed("mv /var/lib/radicale/collections /var/lib/radicale/elsewhere")
        machine.fail("systemctl start backupservice-radicale.service")
        show(
            "What a failure looks like",
            "backupservice status",
            f"busctl get-property {bus} LastOutcome",
            "journalctl -x --no-pager --unit backupservice-radicale.service BACKUP_OUTCOME=failed",
        )
        machine.succeed("mv /var/lib/radicale/elsewhere /var/lib/radicale/collections")
        machine.succeed("systemctl start backupservice-radicale.service")
  '';
}
