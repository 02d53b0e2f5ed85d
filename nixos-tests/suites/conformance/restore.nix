# A restore that does not come to its end leaves the data that was there, starts
# what it stopped, and the next one succeeds.
{ ... }:
{
  node =
    { pkgs, ... }:
    {
      backupservice.instances.precious = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/mnt/tiny/precious" ];
        restore.units = [ "keeper.service" ];
        repository.path = "/srv/backup/precious";
        retention = {
          last = 1;
          daily = null;
          weekly = null;
          monthly = null;
        };
      };
      systemd.services.keeper = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
    };

  script = ''
    machine.succeed(
        "mkdir -p /mnt/tiny && mount -t tmpfs -o size=400M,mode=0755 tmpfs /mnt/tiny",
        "mkdir /mnt/tiny/precious && head -c 150M /dev/urandom > /mnt/tiny/precious/data",
    )
    back_up("precious")
    # Of another backup, so that it is in a file of the repository's own; and that backup is
    # forgotten, so that who lists the others does not read this file.
    machine.succeed("touch /root/earlier && head -c 3M /dev/urandom > /mnt/tiny/precious/late")
    back_up("precious")
    machine.succeed("echo saved > /mnt/tiny/precious/note")
    back_up("precious")
    machine.succeed("backupservice maintain precious")
    late = machine.succeed("find /srv/backup/precious/data -type f -size +1M -newer /root/earlier")
    late = shlex.join(late.split())
    machine.succeed("echo there > /mnt/tiny/precious/note")
    there = describe("/mnt/tiny/precious")
    restoring = "backupservice-precious-restore@request.service"


    def ask():
        directory = "/run/backupservice/.requests/precious"
        request = json.dumps({"version": 1, "snapshot": "latest", "target": None, "path": None})
        machine.succeed(f"mkdir -p {directory} && echo '{request}' > {directory}/request.json")


    def is_as_before():
        """What is there is there, nothing else is, and the service runs."""
        assert_same(describe("/mnt/tiny/precious"), there)
        assert machine.succeed("ls -A /mnt/tiny").split() == ["precious"], machine.succeed("ls -A /mnt/tiny")
        machine.succeed("systemctl is-active keeper.service")


    for name, kill in [
        ("SIGTERM to the executor", "systemctl stop --no-block {unit}"),
        ("SIGKILL of the executor", "systemctl kill --kill-whom=main --signal=KILL {unit}"),
        ("SIGKILL of the provider", "pkill -KILL -u backupservice -x {program}"),
    ]:
        with case(f"after {name} during a restore, everything is as before"):
            hold(late)
            ask()
            machine.succeed(f"systemctl start --no-block {restoring}")
            wait_until_held()
            machine.wait_until_succeeds("test -n \"$(find /mnt/tiny/.precious.* -name data -size +0)\"")
            machine.succeed(kill.format(unit=restoring, program=program))
            let_go_to_its_end(restoring, program)
            wait_for_end(restoring)
            is_as_before()

    with case("what does not fit is refused before anything is stopped"):
        machine.succeed("mount -o remount,size=200M /mnt/tiny")
        running = machine.get_unit_property("keeper", "InvocationID")
        restore_fails("precious", words=["the file system of /mnt/tiny has room for"])
        assert machine.get_unit_property("keeper", "InvocationID") == running
        is_as_before()
        machine.succeed("mount -o remount,size=400M /mnt/tiny")

    with case("a disk that fills up meanwhile fails the restore, which says so, and everything is as before"):
        hold(late)
        ask()
        machine.succeed(f"systemctl start --no-block {restoring}")
        wait_until_held()
        machine.execute("cat /dev/zero > /mnt/tiny/filler")
        let_go()
        wait_for_end(restoring)
        machine.succeed("rm /mnt/tiny/filler", f"journalctl --sync && journalctl -u {restoring} | grep 'there is no space left'")
        is_as_before()

    with case("the next restore succeeds"):
        restore("precious")
        machine.succeed("grep -qx saved /mnt/tiny/precious/note")
        machine.succeed("grep -qx there /mnt/tiny/.precious.before-restore-*/note")
        machine.succeed("systemctl is-active keeper.service")
  '';
}
