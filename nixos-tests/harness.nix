# The test harness's own test: everything that a node may have, with nothing of ours.
{ pkgs, ... }:
{
  name = "harness";

  nodes.machine =
    { lib, ... }:
    {
      options.harness.greeting = lib.mkOption { type = lib.types.str; };

      config = {
        harness.greeting = "hello";
        users.users.alice = {
          isSystemUser = true;
          group = "alice";
          extraGroups = [ "readers" ];
          home = "/var/lib/alice";
          createHome = true;
        };
        users.groups.alice.gid = 4711;
        users.groups.readers = { };
        environment.etc."harness/greeting".text = "hello\n";
        environment.etc."harness/private" = {
          text = "secret\n";
          mode = "0600";
          user = "alice";
        };
        environment.systemPackages = [ (pkgs.writeShellScriptBin "greet" "cat /etc/harness/greeting") ];
        systemd.tmpfiles.rules = [ "d /srv/harness 0750 alice readers -" ];
        systemd.tmpfiles.settings.harness."/srv/settings".d.mode = "0700";
        systemd.services.greeter = {
          wantedBy = [ "multi-user.target" ];
          path = [ pkgs.gawk ];
          script = "awk '{ print $1 }' /etc/harness/greeting >/srv/harness/greeted";
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            User = "alice";
          };
        };
        systemd.services.failing = {
          script = "echo on purpose; exit 3";
          serviceConfig.Type = "oneshot";
        };
        services.postgresql = {
          enable = true;
          ensureDatabases = [ "alice" ];
          ensureUsers = [
            {
              name = "alice";
              ensureDBOwnership = true;
            }
          ];
        };
      };
    };

  testScript = ''
    start_all()
    machine.wait_for_unit("multi-user.target")

    with subtest("units run as they were rendered"):
        machine.wait_for_unit("greeter.service")
        assert machine.succeed("cat /srv/harness/greeted") == "hello\n"
        assert machine.succeed("stat -c '%U %G %a' /srv/harness /srv/settings") == (
            "alice readers 750\nroot root 700\n"
        )
        machine.fail("systemctl start failing.service")
        assert machine.get_unit_property("failing.service", "ExecMainStatus") == "3"

    with subtest("users, files and programs are there"):
        assert "4711(alice)" in machine.succeed("id alice")
        assert machine.succeed("greet") == "hello\n"
        assert machine.succeed("stat -c '%U %a' /etc/harness/private") == "alice 600\n"

    with subtest("commands fail as a careful shell does"):
        machine.fail("false | true")
        machine.fail("echo $unset_variable")
        status, output = machine.execute("echo out; exit 4")
        assert (status, output) == (4, "out\n"), (status, output)

    with subtest("PostgreSQL runs as NixOS configures it"):
        machine.wait_for_unit("postgresql.service")
        machine.wait_for_open_port(5432)
        machine.succeed("runuser -u alice -- psql -c 'create table kept (n int)'")

    with subtest("a crash keeps the disk"):
        machine.succeed("echo kept >/root/kept && sync")
        machine.crash()
        machine.start()
        machine.wait_for_unit("postgresql.service")
        assert machine.succeed("cat /root/kept") == "kept\n"
        machine.succeed("runuser -u alice -- psql -c 'select * from kept'")
        machine.shutdown()
  '';
}
