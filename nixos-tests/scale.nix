# Five hundred instances on one machine are listed at once. How long that takes is
# printed beside what `systemctl list-timers` takes, and not judged: machines differ.
{ ... }:
{
  name = "scale";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.app = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
      };
    };

  testScript = ''
    import json

    units = "/run/systemd/system"
    plans = "/etc/backupservice/plans"
    state = "/var/lib/backupservice"

    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("499 more instances are made like the first, each with 100 runs behind it"):
        machine.succeed("mkdir -p /var/lib/app && echo data >/var/lib/app/data", "backupservice run app")
        (record,) = json.loads(machine.succeed(f"cat {state}/app/history.json"))
        machine.succeed(f"echo '{json.dumps([record] * 100)}' >/srv/history.json")
        machine.succeed(f"""
            for i in {{001..499}}; do
              sed "s/\\"app\\"/\\"app-$i\\"/" {plans}/app.json >{plans}/app-$i.json
              for kind in .service .timer -maintain.service -maintain.timer; do
                sed "s/ app$/ app-$i/" /etc/systemd/system/backupservice-app$kind >{units}/backupservice-app-$i$kind
              done
              mkdir -p {state}/app-$i
              cp /srv/history.json {state}/app-$i/
              sed "s/\\"app\\"/\\"app-$i\\"/" {state}/app/last-run.json >{state}/app-$i/last-run.json
            done
            systemctl daemon-reload
            systemctl start 'backupservice-app-*.timer' $(cd {units} && echo backupservice-app-*.timer)
        """)

    def seconds(command):
        """The best of five."""
        timed = f"TIMEFORMAT=%R; for i in 1 2 3 4 5; do time {command} >/dev/null; done 2>&1"
        return min(float(line) for line in machine.succeed(timed).split())

    with subtest("status has them all, with their next runs"):
        listed = json.loads(machine.succeed("backupservice status --json"))
        assert len(listed) == 500, len(listed)
        assert {one["timer"] for one in listed} == {"waiting"}, listed[0]
        assert all(one["nextRun"] and one["nextMaintenance"] and one["lastSuccess"] for one in listed)
        assert len(machine.succeed("backupservice status").splitlines()) == 501

    with subtest("the bus has them all"):
        managed = json.loads(machine.succeed(
            "busctl --json=short call org.backupservice1 /org/backupservice1"
            " org.freedesktop.DBus.ObjectManager GetManagedObjects"
        ))
        # The node between has an object too, which shows nothing.
        shown = [object for object in managed["data"][0].values() if "org.backupservice1.Instance" in object]
        assert len(shown) == 500, len(shown)

    with subtest("how long it takes"):
        ours = seconds("backupservice status")
        theirs = seconds("systemctl list-timers --all --no-pager")
        print(f"status of 500 instances: {ours:.2f} s, list-timers of 1000 timers: {theirs:.2f} s, ratio {ours / theirs:.2f}")
  '';
}
