# Several instances in one repository keep out of each other's way, also where
# the name of one is the beginning of another's.
{ lib, ... }:
let
  mkInstance = name: {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/${name}" ];
    restore.units = [ "app.service" ];
    repository.path = "/srv/backup/shared";
  };
in
{
  node =
    { pkgs, ... }:
    {
      backupservice.instances = lib.genAttrs [
        "app"
        "app-2"
        "app_2"
        "ap"
      ] mkInstance;

      systemd.services.app = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
    };

  script = ''
    shared = "/srv/backup/shared"
    for name in ["app", "app-2", "app_2", "ap"]:
        machine.succeed(f"mkdir -p /var/lib/{name} && echo {name} 1 > /var/lib/{name}/file")


    def app_id():
        return machine.get_unit_property("app.service", "InvocationID")


    def everything():
        # The run of `unreachable` goes on meanwhile, and may end at any time. What a provider
        # learns from a look into the repository it keeps.
        others = ["unreachable", ".events", ".holders", ".restores/*/provider"]
        others = [f"backupservice/{name}" for name in others]
        files = digest("/var/lib", without=others).splitlines()
        # The history has every restore, also one that was refused.
        return {app_id(), *(file for file in files if not file.endswith("/restores.json"))}


    def assert_untouched(before):
        now = everything()
        assert now == before, f"gone: {before - now}; new: {now - before}"


    with case("two instances with one new repository, started together, both succeed"):
        before = {name: start_in_background(name) for name in ["app", "app-2"]}
        for name in before:
            wait_for_run(name, before[name])
        outcomes = {name: last_run(name) for name in ["app", "app-2"]}
        assert all(run["outcome"] == "success" for run in outcomes.values()), outcomes
        prove_sound(shared)

    with case("an instance sees only its own snapshots"):
        back_up("app_2")
        back_up("app-2")
        assert len(snapshots("app")) == 1 and len(snapshots("app-2")) == 2, stored(shared)
        assert len(stored(shared)) == 4, stored(shared)
        assert set(snapshots("app") + snapshots("app-2") + snapshots("app_2")) == stored(shared)
        assert snapshots("ap") == []

    with case("the latest snapshot is the instance's own latest"):
        machine.succeed("echo lost | tee /var/lib/app/file")
        restore("app")
        machine.succeed("grep -qx 'app 1' /var/lib/app/file")
        machine.succeed("grep -qx 'app-2 1' /var/lib/app-2/file")

    with case("a snapshot of another instance is refused before anything is stopped"):
        running, untouched = app_id(), everything()
        restore_fails("app", "--snapshot", snapshots("app-2")[0], words=["app has no snapshot"])
        assert_untouched(untouched)

    with case("so is a snapshot that does not exist"):
        restore_fails("app", "--snapshot", "0123456789abcdef", words=["app has no snapshot"])
        restore_fails("app", "--snapshot", "../../etc", words=["neither a snapshot id"])
        assert_untouched(untouched)

    with case("so is the latest one where there is none"):
        restore_fails("ap", words=["no snapshot of ap"])
        assert_untouched(untouched)

    with case("so is a path that the snapshot does not hold, or is not in the contract"):
        restore_fails("app", "--path", "/var/lib/app/not-there", words=["does not hold"])
        restore_fails("app", "--path", "/var/lib/app-2/file", words=["not inside a source of app"])
        restore_fails("app", "--path", "/var/lib/app/../app-2/file", words=["must be absolute"])
        assert_untouched(untouched)

    with case("a restore elsewhere stops nothing and overwrites nothing"):
        restore("app", "--target", "/srv/app")
        assert running == app_id()
        restore_fails("app", "--target", "/srv/app", words=["exists already"])
        machine.succeed("grep -qx 'app 1' /srv/app/var/lib/app/file && rm -r /srv/app")

    with case("a restore in place stops what it must and starts it again"):
        restore("app")
        assert app_id() not in (running, ""), app_id()
        machine.succeed("systemctl is-active app.service", "rm -r /var/lib/.app.before-restore-*")
  '';
}
