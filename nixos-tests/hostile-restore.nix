# Restores in place of services that attack them: what a service's user owns, it exchanges
# for links while the provider writes. What a mount point is like afterwards. And file systems
# that refuse owners: the kernel refuses them to whoever lacks CAP_CHOWN, all the same.
{ ... }:
{
  name = "hostile-restore";

  nodes.machine =
    { lib, pkgs, ... }:
    let
      users = [
        "restic"
        "borg"
      ];
    in
    {
      imports = [ ../modules ];

      backupservice.instances = lib.genAttrs users (name: {
        enable = true;
        provider = name;
        user = "app-${name}";
        sourceDirectories = [
          "/var/lib/${name}"
          "/srv/${name}/deep/data"
        ];
        restore.units = [ "keeper.service" ];
        repository.path = "/srv/backup/${name}";
      });
      users.users = lib.listToAttrs (
        map (name: {
          name = "app-${name}";
          value = {
            isSystemUser = true;
            group = "app-${name}";
          };
        }) users
      );
      users.groups = lib.genAttrs (map (name: "app-${name}") users) (_: { });
      systemd.services.keeper = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
      };
      environment.systemPackages = [
        pkgs.restic
        pkgs.borgbackup
        pkgs.acl
      ];
    };

  testScript = ''
    import shlex

    # The provider's program, held up before it restores while /run/gate/shut exists.
    WRAPPER = """#!/bin/sh
    case " $* " in
      *" restore "*|*" extract "*)
        if [ -e /run/gate/shut ]; then
          touch /run/gate/reached
          while [ -e /run/gate/shut ]; do sleep 0.1; done
        fi
        if [ -e /run/gate/no-owners ]; then
          exec /usr/bin/python3 -c 'import ctypes, os, sys; ctypes.CDLL(None).prctl(47, 3, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])' "$0.real" "$@"
        fi
    esac
    exec "$0.real" "$@"
    """


    def as_app(name, script):
        return f"setpriv --reuid app-{name} --regid app-{name} --clear-groups sh -c {shlex.quote(script)}"


    def begin(command):
        """Starts a restore, until the provider is held up."""
        machine.succeed("rm -f /run/gate/reached && touch /run/gate/shut && systemctl reset-failed")
        machine.succeed(f"systemd-run --unit=asked --remain-after-exit {command}")
        machine.wait_until_succeeds("test -e /run/gate/reached")


    def end():
        """Lets it go on, and tells whether it succeeded."""
        machine.succeed("rm -f /run/gate/shut")
        machine.wait_until_succeeds("systemctl show -P SubState asked | grep -Ex 'exited|failed|dead'")
        result = machine.succeed("systemctl show -P Result asked").strip()
        machine.execute("systemctl stop asked")
        return result == "success"


    def refused(command, words):
        status, said = machine.execute(f"{command} 2>&1")
        machine.log(said)
        assert status == 1 and words in said, (status, said)
        assert machine.get_unit_property("keeper", "InvocationID") == keeper, "it was stopped"


    def looks(path):
        """Everything about a directory itself."""
        return machine.succeed(
            f"stat -c '%U:%G %a %.9Y' {path}", f"getfacl --absolute-names {path}", f"getfattr -d {path} 2>&1 || true"
        )


    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed(
        "mkdir -m 0777 /run/gate",
        "mkdir /srv/victim && echo precious > /srv/victim/file && chmod 0600 /srv/victim/file",
        "rm -f /tmp/x",
    )
    for program in ("restic", "borg"):
        machine.succeed(
            f"mv /usr/bin/{program} /usr/bin/{program}.real",
            f"cat > /usr/bin/{program} <<'END'\n{WRAPPER}END\nchmod 755 /usr/bin/{program}",
        )
    untouched = machine.succeed("find /srv/victim -printf '%P %U %m %T@ %s\n' | sort")


    def assert_untouched():
        now = machine.succeed("find /srv/victim -printf '%P %U %m %T@ %s\n' | sort")
        assert now == untouched, (untouched, now)


    for name in ("restic", "borg"):
        data, user = f"/var/lib/{name}", f"app-{name}"
        machine.succeed(
            f"mkdir -p {data} /srv/{name}/deep/data && mount -t tmpfs -o mode=0755 tmpfs {data}",
            f"mkdir -p {data}/sub && echo saved | tee {data}/sub/file {data}/note > /srv/{name}/deep/data/file",
            f"chown -R {user}:{user} {data} /srv/{name}/deep/data && chmod 2750 {data}",
            f"setfacl -m user:nobody:rx -m default:user:nobody:rx {data} && touch -d '2001-02-03 04:05:06.789' {data}",
            f"backupservice run {name}",
        )
        saved = looks(data)
        keeper = machine.get_unit_property("keeper", "InvocationID")
        attack = f"cd {data} && for new in .{name}.backupservice-*; do mv $new away-$new && ln -s /srv/victim $new; done"

        with subtest(f"{name}: a link that the service's user has made is not followed"):
            machine.succeed(as_app(name, f"cd {data} && mv sub away && ln -s /srv/victim sub"))
            refused(f"backupservice restore {name} --path {data}/sub/file", "is a link in a directory")
            assert_untouched()
            machine.succeed(as_app(name, f"cd {data} && rm sub && mv away sub"))

        with subtest(f"{name}: a target that somebody else has prepared is refused"):
            machine.succeed(as_app(name, "mkdir -m 0777 /tmp/x && ln -s /srv/victim /tmp/x/var"))
            refused(f"backupservice restore {name} --target /tmp/x", "--target: ")
            assert_untouched()
            machine.succeed("rm -r /tmp/x")

        with subtest(f"{name}: what is mounted below a source stays there"):
            for source in (data, f"/srv/{name}/deep/data"):
                media = f"{source}/media"
                machine.succeed(f"mkdir {media} && mount -t tmpfs tmpfs {media} && echo live > {media}/file")
                refused(f"backupservice restore {name}", f"{media} is mounted below {source}")
                machine.succeed(f"grep live {media}/file && umount {media} && rmdir {media}")

        with subtest(f"{name}: where owners are refused, nothing is stopped"):
            drop_in = f"/run/systemd/system/backupservice-{name}-restore@.service.d/owners.conf"
            machine.succeed(
                f"mkdir -p {drop_in.rpartition('/')[0]}",
                f"printf '[Service]\nCapabilityBoundingSet=~CAP_CHOWN\nAmbientCapabilities=~CAP_CHOWN\n' > {drop_in}",
                "systemctl daemon-reload",
            )
            before = looks(data)
            refused(f"backupservice restore {name}", "refuses user")
            assert looks(data) == before, before + looks(data)
            machine.succeed(f"rm {drop_in} && systemctl daemon-reload")

        with subtest(f"{name}: data that could not be given its owners takes no place"):
            machine.succeed(f"touch /run/gate/no-owners && echo live > {data}/note")
            status, said = machine.execute(f"backupservice restore {name} 2>&1")
            assert status == 1 and "belong to another user or group" in said, (status, said)
            machine.succeed(f"grep live {data}/note", "systemctl is-active keeper")
            machine.fail(f"ls -d {data}/.*before-restore* {data}/.*backupservice*")
            status, said = machine.execute(f"backupservice restore {name} --target /srv/elsewhere-{name} 2>&1")
            assert status == 1 and "belong to another user or group" in said, (status, said)
            machine.succeed(f"rm -r /run/gate/no-owners /srv/elsewhere-{name} && echo saved > {data}/note")

        with subtest(f"{name}: names beside the data cannot be exchanged while the provider writes"):
            begin(f"backupservice restore {name}")
            machine.fail(as_app(name, attack))
            assert end()
            assert_untouched()
            assert machine.succeed(f"ls -A {data} | grep -v before-restore").split() == ["note", "sub"]
            machine.succeed(f"rm -r {data}/.{name}.before-restore-* /srv/{name}/deep/.data.before-restore-*")

        with subtest(f"{name}: nor are they when it is killed"):
            machine.succeed(f"touch -d '2011-02-03 04:05:06' {data}")
            before = looks(data)
            begin(f"backupservice restore {name}")
            machine.fail(as_app(name, attack))
            machine.execute(f"systemctl kill --signal=KILL --kill-whom=all 'backupservice-{name}-restore@*.service'")
            assert not end()
            assert_untouched()
            machine.wait_until_succeeds("systemctl is-active keeper && ! systemctl list-jobs | grep backupservice")

        with subtest(f"{name}: a mount point is as it was after a restore that was killed"):
            assert looks(data) == before, before + looks(data)
            assert machine.succeed(f"ls -A {data}").split() == ["note", "sub"], machine.succeed(f"ls -A {data}")

        with subtest(f"{name}: and as it was saved after one that succeeded"):
            machine.succeed(
                f"setfacl -b {data} && chmod 0700 {data} && chown root:root {data}",
                f"rm -r /srv/{name} && echo changed > {data}/note",
            )
            machine.succeed(f"backupservice restore {name}")
            assert looks(data) == saved, saved + looks(data)
            machine.succeed(f"grep saved {data}/note && grep changed {data}/.{name}.before-restore-*/note")

        with subtest(f"{name}: parents that were missing can be entered by the service"):
            parents = machine.succeed(f"stat -c '%U %a' /srv/{name} /srv/{name}/deep").splitlines()
            assert parents == ["root 755"] * 2, parents
            machine.succeed(as_app(name, f"grep saved /srv/{name}/deep/data/file"))
        machine.succeed(f"umount {data}")
  '';
}
