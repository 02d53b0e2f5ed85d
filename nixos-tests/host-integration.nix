# What a run is to the rest of the machine: units to hang one's own on, sleep that is
# put off, a share of the processors, and waiting for power and a free network.
{ pkgs, ... }:
let
  # logind and NetworkManager of a laptop, as far as anybody asks them here.
  laptop = pkgs.writeText "laptop.py" ''
    import os, sys
    from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import open_dbus_connection

    name, key, kind, yes, no = {
        "power": ("org.freedesktop.login1", "OnExternalPower", "b", True, False),
        "network": ("org.freedesktop.NetworkManager", "Metered", "u", 4, 1),
    }[sys.argv[1]]
    bus = open_dbus_connection("SYSTEM")
    bus.send_and_get_reply(message_bus.RequestName(name))
    while True:
        call = bus.receive()
        if call.header.message_type != MessageType.method_call:
            continue
        if call.body[-1:] == (key,):
            with open(f"/run/asked-for-{sys.argv[1]}", "a") as asked:
                print(key, file=asked)
            good = os.path.exists(f"/run/{sys.argv[1]}")
            bus.send(new_method_return(call, "v", ((kind, yes if good else no),)))
            continue
        if call.header.fields[HeaderFields.member] == "Inhibit":
            with open("/run/inhibitors", "a") as asked:
                print(*call.body, file=asked)
        bus.send(new_error(call, "org.freedesktop.DBus.Error.NotSupported"))
  '';
in
{
  name = "host-integration";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.weights.cpu = 33;
      backupservice.instances =
        let
          instance = name: {
            enable = true;
            user = "root";
            sourceDirectories = [ "/var/lib/${name}" ];
            repository.path = "/srv/backup/${name}";
            randomizedDelay = "0";
          };
        in
        {
          app = instance "app" // {
            hooks.beforeBackup = [
              {
                name = "wait";
                command = "while [ -e /run/hold ]; do sleep 0.1; done";
              }
            ];
          };
          laptop = instance "laptop" // {
            schedule = "*:*:0/5";
            conditions.acPower = true;
            conditions.unmeteredNetwork = true;
          };
        };

      systemd.services = {
        # Of one instance.
        praise = {
          wantedBy = [ "backupservice-success@app.target" ];
          startLimitIntervalSec = 0;
          serviceConfig.Type = "oneshot";
          script = "echo praise >> /root/told";
        };
        # Of every instance; %i says which.
        "blame@" = {
          wantedBy = [ "backupservice-failure@.target" ];
          startLimitIntervalSec = 0;
          serviceConfig.Type = "oneshot";
          scriptArgs = "%i";
          script = ''echo "blame $1" >> /root/told'';
        };
        "laptop-power".serviceConfig.ExecStart = "${pkgs.python3}/bin/python3 ${laptop} power";
        "laptop-network".serviceConfig.ExecStart = "${pkgs.python3}/bin/python3 ${laptop} network";
      };
      services.dbus.packages = [
        (pkgs.writeTextDir "share/dbus-1/system.d/laptop.conf" ''
          <busconfig>
            <policy user="root"><allow own="org.freedesktop.NetworkManager"/></policy>
            <policy context="default"><allow send_destination="org.freedesktop.NetworkManager"/></policy>
          </busconfig>
        '')
      ];
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
        "d /var/lib/laptop 0755 root root -"
        "f /var/lib/laptop/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json

    def run(instance="app"):
        return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))

    def told():
        return machine.execute("cat /root/told 2>/dev/null")[1].splitlines()

    def tells(*lines):
        expected = "\\n".join(lines)
        machine.wait_until_succeeds(f'test "$(cat /root/told)" = "$(printf "{expected}")"')
        machine.succeed("rm /root/told")

    machine.succeed("systemctl stop backupservice-laptop.timer")
    machine.wait_for_unit("multi-user.target")

    with subtest("units hang on the success of one instance and on the failure of any, each time"):
        for _ in range(2):
            machine.succeed("systemctl start backupservice-app")
            tells("praise")
        machine.succeed("mv /var/lib/app /var/lib/gone")
        for _ in range(2):
            machine.fail("systemctl start backupservice-app")
            tells("blame app")
        machine.succeed("mv /var/lib/gone /var/lib/app")
        machine.succeed("systemctl start backupservice-app-maintain")
        assert told() == [], told()

    with subtest("a run that was missed while the machine was off is made up for"):
        machine.succeed(
            "systemctl stop backupservice-app.timer",
            "touch -d '-2 days' /var/lib/systemd/timers/stamp-backupservice-app.timer",
            "systemctl start backupservice-app.timer",
        )
        tells("praise")

    with subtest("backups have a smaller share than what they serve"):
        weight = machine.succeed("systemctl show -P CPUWeight backupservice.slice").strip()
        assert weight == "33", weight
        control_group = machine.succeed("systemctl show -P Slice backupservice-app.service").strip()
        assert control_group == "backupservice-app.slice", control_group

    with subtest("the machine stays awake during a run, and no longer"):
        machine.wait_for_unit("systemd-logind.service")
        inhibitors = "systemd-inhibit --list --mode=block --no-legend | grep 'backup of app'"
        machine.fail(inhibitors)
        machine.succeed("touch /run/hold; systemctl start --no-block backupservice-app")
        machine.wait_until_succeeds(inhibitors)
        listed = machine.succeed(inhibitors).split()
        assert listed[0] == "backupservice" and "sleep" in listed, listed
        machine.succeed("rm /run/hold; systemctl start backupservice-app")
        machine.wait_until_fails(inhibitors)
        assert run()["outcome"] == "success"

    def is_waiting_for(what):
        machine.wait_until_succeeds(
            "systemctl show -P StatusText backupservice-laptop | grep 'waiting for other runs'"
            f" && journalctl --unit=backupservice-laptop --boot --output=cat | tail -1 | grep '{what}'"
        )

    machine.succeed("systemctl mask --runtime --now systemd-logind.service dbus-org.freedesktop.login1.service")
    machine.succeed("systemctl start laptop-power laptop-network")
    machine.wait_until_succeeds("busctl --system status org.freedesktop.login1 && busctl --system status org.freedesktop.NetworkManager")

    with subtest("by hand, a backup waits for neither power nor network"):
        machine.succeed("backupservice run laptop")
        first = run("laptop")["runId"]

    with subtest("on schedule, it waits for power and for a network that costs nothing"):
        kept_awake = "grep 'sleep backupservice backup of laptop' /run/inhibitors"
        machine.succeed(kept_awake, "rm /run/inhibitors", "systemctl start backupservice-laptop.timer")
        is_waiting_for("waiting for mains power (conditions.acPower) and a network")
        machine.fail(kept_awake)
        assert json.loads(machine.succeed("backupservice status laptop --json"))[0]["phase"] == "waiting"
        machine.succeed("touch /run/power")
        # It asks for both each time: when it asks once more, it has seen the power and waits.
        machine.succeed("rm -f /run/asked-for-network")
        machine.wait_until_succeeds("test $(wc -l < /run/asked-for-network) -ge 3")
        assert run("laptop")["runId"] == first
        machine.succeed("systemctl stop backupservice-laptop.timer; touch /run/network")
        machine.wait_until_succeeds(f"! grep {first} /var/lib/backupservice/laptop/last-run.json")
        assert run("laptop")["outcome"] == "success"
        machine.succeed(kept_awake)

    with subtest("what waits goes on at once when somebody asks for it"):
        second = run("laptop")["runId"]
        machine.succeed("rm /run/power; systemctl start backupservice-laptop.timer")
        is_waiting_for("waiting for mains power (conditions.acPower)")
        machine.succeed("systemctl stop backupservice-laptop.timer; backupservice run laptop")
        third = run("laptop")
        assert third["runId"] != second and third["outcome"] == "success", third

    with subtest("also if it is asked for over D-Bus"):
        machine.succeed("systemctl start backupservice-laptop.timer")
        is_waiting_for("waiting for mains power (conditions.acPower)")
        start = "/org/backupservice1/instance/laptop org.backupservice1.Instance Start"
        machine.succeed(f"systemctl stop backupservice-laptop.timer; busctl call org.backupservice1 {start}")
        machine.wait_until_fails(f"grep -q {third['runId']} /var/lib/backupservice/laptop/last-run.json")
        assert run("laptop")["outcome"] == "success"
  '';
}
