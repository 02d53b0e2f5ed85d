# A restore in place where the source is a mount point: it keeps its place, and what it
# holds is swapped.
{ ... }:
{
  name = "mount-points";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.app = {
        enable = true;
        user = "app";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
        streams.db = {
          dump = "echo dump";
          load = "test -e /run/open || read -r < /run/gate";
        };
      };
      users.users.app = {
        isSystemUser = true;
        group = "app";
      };
      users.groups.app = { };
      environment.systemPackages = [ pkgs.restic ];
    };

  testScript = ''
    def mount():
        """A new, empty file system, as on a new machine."""
        machine.succeed("mkdir -p /var/lib/app && mount -t tmpfs -o mode=0755 tmpfs /var/lib/app")

    def content():
        return machine.succeed("cd /var/lib/app && find . -type f ! -path './.app.before*' | sort | xargs grep .").splitlines()

    machine.start()
    machine.wait_for_unit("multi-user.target")
    mount()
    machine.succeed(
        "touch /run/open",
        "mkdir -p /var/lib/app/deep /var/lib/app/lost+found && echo one > /var/lib/app/note && echo two > /var/lib/app/deep/file",
        "chown -R app:app /var/lib/app && chmod 2750 /var/lib/app && chown root:root /var/lib/app/lost+found",
        "backupservice run app",
    )
    saved = content()
    assert saved == ["./deep/file:two", "./note:one"], saved

    with subtest("what a mount point holds is swapped, and kept"):
        machine.succeed(
            "cd /var/lib/app && echo changed > note && rm -r deep && echo more > added",
            "ls -di /var/lib/app/lost+found > /root/inode",
            "backupservice restore app",
        )
        assert content() == saved, content()
        machine.succeed(
            "mountpoint /var/lib/app",
            "ls -di /var/lib/app/lost+found | cmp - /root/inode",
            "grep changed /var/lib/app/.app.before-restore-*/note && grep more /var/lib/app/.app.before-restore-*/added",
            "test -z \"$(ls -d /var/lib/app/.app.backupservice-new-* 2>/dev/null)\"",
        )

    with subtest("a second restore leaves the safety copy of the first alone"):
        machine.succeed("echo again > /var/lib/app/note && backupservice restore app")
        assert content() == saved, content()
        copies = machine.succeed("cat /var/lib/app/.app.before-restore-*/note").split()
        assert sorted(copies) == ["again", "changed"], copies

    with subtest("what cannot be swapped whole is not swapped at all"):
        machine.succeed(
            "cd /var/lib/app && rm -r .app.before-restore-* && echo newer > note && mkdir zulu",
            "mount -t tmpfs tmpfs /var/lib/app/zulu && echo nested > /var/lib/app/zulu/file",
        )
        before = content()
        status, said = machine.execute("backupservice restore app 2>&1")
        machine.log(said)
        assert status == 1 and "/var/lib/app/zulu is mounted below /var/lib/app" in said, (status, said)
        assert content() == before, content()
        left = machine.succeed("ls -A /var/lib/app").split()
        assert left == ["deep", "lost+found", "note", "zulu"], left
        machine.succeed("umount /var/lib/app/zulu")

    with subtest("an empty file system gets its owner and mode back"):
        machine.succeed("umount /var/lib/app")
        mount()
        machine.succeed("backupservice restore app")
        assert content() == saved, content()
        owner = machine.succeed("stat -c '%U:%G %a' /var/lib/app").strip()
        assert owner == "app:app 2750", owner
        machine.fail("ls -d /var/lib/app/.app.before-restore-*")

    with subtest("nothing is undone while the disk is missing"):
        recover = "backupservice-recover.service"
        journal = "/var/lib/backupservice/.restores/app/intent.json"
        disk = "mount --bind /srv/disk /var/lib/app"
        drop_ins = "/run/systemd/system/backupservice-app-restore@.service.d", f"/run/systemd/system/{recover}.d"
        machine.succeed(
            f"umount /var/lib/app && mkdir /srv/disk && {disk}",
            "rm /run/open && mkfifo -m 0666 /run/gate",
            # As if the machine had crashed: nobody recovers anything before the next boot.
            f"mkdir -p {' '.join(drop_ins)}",
            f"printf '[Service]\\nExecStopPost=\\n' > {drop_ins[0]}/crash.conf",
            f"printf '[Unit]\\nConditionPathExists=/nonexistent\\n' > {drop_ins[1]}/crash.conf",
            "systemctl daemon-reload",
            "systemd-run --unit=asked backupservice restore app",
        )
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-app-load-db.service | grep -x activating")
        machine.succeed("systemctl kill -s KILL 'backupservice-app-restore@*.service'")
        machine.wait_until_fails("systemctl is-active asked.service")
        machine.succeed("echo > /run/gate && touch /run/open")
        machine.wait_until_succeeds("systemctl show -P ActiveState backupservice-app-load-db.service | grep -x inactive")
        machine.succeed(f"rm -r {' '.join(drop_ins)} && systemctl daemon-reload", "umount /var/lib/app")
        status, _ = machine.execute(f"systemctl start {recover}")
        machine.succeed(f"test -e {journal}")
        assert status != 0
        machine.succeed(f"journalctl --sync; journalctl -u {recover} | grep -c '/var/lib/app is not mounted'")
        machine.succeed("test -z \"$(ls -A /var/lib/app)\"")

        machine.succeed(disk, f"systemctl start {recover}")
        machine.fail(f"test -e {journal}")
        assert content() == saved, content()
        machine.fail("ls -d /var/lib/app/.app.backupservice-*")
  '';
}
