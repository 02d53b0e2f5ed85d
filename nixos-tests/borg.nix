# borg in the units, with their sandbox: a backup, a crash, a disaster, a restore.
{ pkgs, ... }:
{
  name = "borg";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.wiki = {
        enable = true;
        provider = "borg";
        user = "root";
        sourceDirectories = [ "/var/lib/wiki" ];
        excludePatterns = [ "*.tmp" ];
        repository.path = "/srv/backup/wiki";
      };

      environment.systemPackages = [ pkgs.borgbackup ];
      systemd.tmpfiles.rules = [
        "d /var/lib/wiki 0750 nobody nogroup -"
        "f /var/lib/wiki/page 0640 nobody nogroup - written"
        "f /var/lib/wiki/x.tmp 0640 nobody nogroup - left out"
      ];
    };

  testScript = ''
    import json

    password = "/var/lib/backupservice-secrets/srv-backup-wiki"
    borg = f"BORG_PASSCOMMAND='cat {password}' BORG_BASE_DIR=/root/borg BORG_REPO=/srv/backup/wiki borg"

    def last_run():
        return json.loads(machine.succeed("cat /var/lib/backupservice/wiki/last-run.json"))

    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("the first backup creates the repository"):
        machine.succeed("systemctl start backupservice-wiki.service")
        run = last_run()
        assert run["outcome"] == "success" and run["provider"] == "borg", run
        machine.succeed("test -f /srv/backup/wiki/config")
        text = machine.succeed("journalctl --no-pager -u backupservice-wiki.service")
        assert machine.succeed(f"cat {password}").strip() not in text

    with subtest("a lock that a crash left does not stop the next run"):
        host = machine.succeed("cat /var/lib/backupservice/wiki/provider/host-id").strip()
        machine.succeed(
            "install -d -o backupservice /srv/backup/wiki/lock.exclusive",
            f"install -o backupservice /dev/null /srv/backup/wiki/lock.exclusive/{host}.4194303-0",
        )
        machine.succeed("systemctl start backupservice-wiki.service")

    with subtest("the snapshots are listed, complete"):
        names = machine.succeed(f"{borg} list --short").split()
        assert len(names) == 2 and all(name.startswith("wiki-2") for name in names), names
        listed = machine.succeed("backupservice snapshots wiki")
        assert last_run()["snapshot"][:8] in listed, listed

    with subtest("a restore brings the data back, with its owner"):
        machine.succeed("rm -r /var/lib/wiki")
        machine.succeed("backupservice restore wiki")
        machine.succeed("test \"$(cat /var/lib/wiki/page)\" = written")
        owner = machine.succeed("stat -c '%U %a' /var/lib/wiki /var/lib/wiki/page").split("\n")
        assert owner[:2] == ["nobody 750", "nobody 640"], owner
        machine.fail("test -e /var/lib/wiki/x.tmp")
  '';
}
