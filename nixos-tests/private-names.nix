# Names of private files go to the journal only: not to records, events, metrics, D-Bus or
# systemd's properties, whatever they look like and whatever ends badly.
{ lib, ... }:
{
  name = "private-names";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances = lib.genAttrs [ "restic" "borg" ] (name: {
        enable = true;
        provider = name;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/${name}";
      });
      backupservice.metrics.textfile = "/var/lib/metrics/backupservice.prom";
      systemd.tmpfiles.rules = [ "d /var/lib/app 0700 root root -" ];
      users.users.mallory = {
        isNormalUser = true;
        uid = 4711;
      };
    };

  testScript = ''
    import json
    import shlex

    SECRET = "letter-to-the-doctor"
    HOSTILE = f'/var/lib/app/"{SECRET}"\n\x1b[2J{{{{'
    PLAIN = f"/var/lib/app/{SECRET}"
    PLACES = "/var/lib/backupservice /run/backupservice /var/lib/metrics /run/backupservice-notify"


    def as_mallory(command):
        return f"setpriv --reuid 4711 --regid 100 --clear-groups sh -c {shlex.quote(command)}"


    def journal():
        return machine.succeed("journalctl --sync && journalctl --no-pager --output cat -u 'backupservice-*'")


    def assert_private(name):
        """Nothing that mallory can look at has the name in it."""
        seen = machine.succeed(as_mallory(
            f"find {PLACES} -type f -readable -exec cat {{}} + -printf '\n%p\n' 2>/dev/null;"
            " busctl --json=short call org.backupservice1 /org/backupservice1"
            " org.freedesktop.DBus.ObjectManager GetManagedObjects;"
            f" systemctl show 'backupservice-*'; backupservice status; backupservice status {name};"
            f" backupservice status {name} --json; true"
        ))
        # It was all looked at.
        for word in (f"{name}/last-run.json", "LastError", "StatusText=", "backupservice.prom", "events.json"):
            assert word in seen, (word, seen)
        assert SECRET not in seen, seen


    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("echo fine > /var/lib/app/file")
    for name in ("restic", "borg"):
        machine.succeed(f"backupservice run {name}")
        for path in (PLAIN, HOSTILE):
            # Not even root can read that.
            machine.succeed(f"touch {shlex.quote(path)} && mount --bind /proc/1/mem {shlex.quote(path)}")

        with subtest(f"{name}: files that cannot be read are counted, and named in the journal"):
            status, said = machine.execute(f"backupservice run {name} 2>&1")
            assert status == 3 and "(2 files or directories)" in said and f"backupservice logs {name}" in said, said
            assert SECRET not in said, said
            machine.succeed("systemctl start backupservice-watch.service")
            assert_private(name)
            assert PLAIN in journal() and f'"{SECRET}"' in journal(), journal()
            status = machine.succeed(f"backupservice status {name}")
            assert "journalctl _SYSTEMD_INVOCATION_ID=" in status, status

        with subtest(f"{name}: a restore that fails names its path to root alone"):
            _, said = machine.execute(f"backupservice restore {name} --path {shlex.quote(PLAIN)} 2>&1")
            assert SECRET in said, said
            assert_private(name)
            _, said = machine.execute(f"backupservice restore {name} --target /srv/{name} --path /var/lib/app/{SECRET}-none 2>&1")
            assert "does not hold" in said, said
            assert_private(name)
        machine.succeed(f"umount {shlex.quote(PLAIN)} {shlex.quote(HOSTILE)}")

        with subtest(f"{name}: and one that succeeds"):
            machine.succeed(f"backupservice run {name}")
            said = machine.succeed(f"backupservice restore {name} --path {shlex.quote(PLAIN)}")
            assert SECRET in said, said
            assert_private(name)
            machine.succeed("rm -r /var/lib/app/.*before-restore*")

        with subtest(f"{name}: snapshots are listed for those who may ask"):
            machine.succeed(f"backupservice snapshots {name}")
            listing = f"/run/backupservice/{name}/snapshots.json"
            assert len(json.loads(machine.succeed(f"cat {listing}"))["snapshots"]) == 3
            machine.fail(as_mallory(f"cat {listing}"))
            status, said = machine.execute(as_mallory(f"backupservice snapshots {name} 2>&1"))
            assert status == 1 and "root" in said, (status, said)
            ask = f"busctl --json=short call org.backupservice1 /org/backupservice1/instance/{name} org.backupservice1.Instance ListSnapshots"
            assert len(json.loads(machine.succeed(ask))["data"][0]) == 3
            machine.fail(as_mallory(ask))
  '';
}
