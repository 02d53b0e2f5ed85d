# A bad plan never gets as far as a backup: it is refused when the system is
# built, and once more when the unit reads it.
{ pkgs, ... }:
{
  name = "plans";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.myservice = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/myservice" ];
        repository.path = "/srv/backup/myservice";
      };

      # What the test makes of it.
      systemd.services.with-bad-plan = {
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "/usr/local/bin/backupservice unit run --plan /srv/plan.json";
        };
      };
    };

  testScript = ''
    import json

    machine.start()
    machine.wait_for_unit("multi-user.target")
    good = json.loads(machine.succeed("cat /etc/backupservice/plans/myservice.json"))

    def check(change, *texts):
        """Changes the good plan, and expects check-plan to say all of this about it."""
        plan = json.loads(json.dumps(good))
        change(plan)
        text = json.dumps(plan).replace("'", "")
        machine.succeed(f"printf %s '{text}' > /srv/plan.json")
        status, output = machine.execute("backupservice check-plan /srv/plan.json 2>&1")
        if not texts:
            assert status == 0, output
            return
        assert status == 78, (status, output)
        for expected in texts:
            assert expected in output, (expected, output)

    with subtest("the plan that NixOS makes is good"):
        check(lambda plan: None)

    with subtest("an unknown field"):
        check(lambda plan: plan["repository"].update(pasword="x"), "pasword")

    with subtest("another version"):
        check(lambda plan: plan.update(version=2), "version: is 2", "1")

    with subtest("a relative source"):
        check(lambda plan: plan.update(sources=["var/lib"]), "sources", "var/lib")

    with subtest("no sources"):
        check(lambda plan: plan.update(sources=[]), "sources")

    with subtest("a repository inside a source"):
        check(lambda plan: plan["repository"].update(path="/var/lib/myservice/x"), "/var/lib/myservice/x")

    with subtest("a password in a URL, which is not repeated"):
        check(lambda plan: plan["repository"].update(path="rest:https://user:hunter2@example.org/"), "repository.path")
        machine.fail("backupservice check-plan /srv/plan.json 2>&1 | grep hunter2")

    with subtest("a password in the store"):
        check(
            lambda plan: plan["repository"]["credentials"].update(
                password="/nix/store/00000000000000000000000000000000-password"
            ),
            "credentials.password",
        )

    with subtest("a tool outside of the store, unless there is none"):
        check(lambda plan: plan["provider"].update(program="/usr/bin/restic"), "provider.program")
        machine.succeed("backupservice check-plan --no-nix-store /srv/plan.json")

    with subtest("everything that is wrong is told at once"):
        check(lambda plan: plan.update(sources=["a", "b"], quiesce=["c"]), "sources[0]", "sources[1]", "quiesce")

    with subtest("an unknown provider"):
        check(lambda plan: plan["provider"].update(type="tar"), "tar", "restic")

    with subtest("a unit with a bad plan exits with 78"):
        machine.succeed("printf '{}' > /srv/plan.json")
        machine.fail("systemctl start with-bad-plan.service")
        assert machine.get_unit_property("with-bad-plan.service", "ExecMainStatus") == "78"
  '';
}
