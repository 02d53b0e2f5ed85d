# A SQLite database in WAL mode is backed up while it is written to, and
# restored: over a newer one, and where there is none.
{ ... }:
{
  name = "sqlite-stream";

  nodes.machine =
    {
      lib,
      pkgs,
      contracts,
      ...
    }:
    let
      database = "/var/lib/notes/notes.db";
    in
    {
      imports = [ ../modules ];

      environment.systemPackages = [ pkgs.sqlite ];

      users.users.notes = {
        isSystemUser = true;
        group = "notes";
      };
      users.groups.notes = { };

      # Each transaction writes to both tables, so only a copy of one moment has
      # as many rows in one as in the other.
      systemd.services.notes = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          User = "notes";
          StateDirectory = "notes";
          StateDirectoryMode = "0750";
        };
        script = ''
          {
            echo '.timeout 10000'
            echo 'PRAGMA journal_mode = WAL;'
            echo 'CREATE TABLE IF NOT EXISTS a (i INTEGER PRIMARY KEY, v);'
            echo 'CREATE TABLE IF NOT EXISTS b (i INTEGER PRIMARY KEY, v);'
            while sleep 0.01; do
              echo 'BEGIN; INSERT INTO a (v) VALUES (randomblob(3000)); INSERT INTO b (v) VALUES (1); COMMIT;'
            done
          } | ${lib.getExe' pkgs.sqlite "sqlite3"} ${database} > /dev/null
        '';
      };

      backupservice.instances.notes = {
        enable = true;
        user = "notes";
        sourceDirectories = [ "/var/lib/notes" ];
        excludePatterns = contracts.streams.sqliteFiles database;
        streams.database = contracts.streams.sqlite { path = database; };
        restore.units = [ "notes.service" ];
        repository.path = "/srv/backup/notes";
      };
    };

  testScript = ''
    import shlex

    database = "/var/lib/notes/notes.db"


    def query(sql):
        return machine.succeed(f"sqlite3 -cmd '.timeout 10000' {database} {shlex.quote(sql)}").strip()


    def rows(table):
        return int(query(f"SELECT count(*) FROM {table}"))


    start_all()
    machine.wait_for_unit("notes.service")
    machine.wait_until_succeeds(f"test -s {database}-wal")
    machine.wait_until_succeeds(
        f"test $(sqlite3 -cmd '.timeout 10000' {database} 'SELECT count(*) FROM a') -gt 20"
    )

    with subtest("a backup while the service writes"):
        machine.succeed("su -s /bin/sh notes -c 'echo kept > /var/lib/notes/attachment'")
        before = rows("a")
        machine.succeed("systemctl start backupservice-notes.service")
        after = rows("a")
        machine.succeed("systemctl is-active notes.service")

    with subtest("the dump leaves nothing behind"):
        machine.succeed("test -z \"$(find /var/lib/backupservice/.staging/notes -type f -size +0)\"")

    with subtest("a restore over a newer database"):
        machine.succeed("systemctl stop notes.service")
        query("DELETE FROM b; CREATE TABLE newer (x);")
        machine.succeed("backupservice restore notes")
        assert query("PRAGMA integrity_check") == "ok"
        assert query("SELECT count(*) FROM sqlite_master WHERE name = 'newer'") == "0"
        restored = rows("a")
        assert before <= restored <= after, f"{before} <= {restored} <= {after}"
        assert restored == rows("b")
        owner = machine.succeed(f"stat -c %U:%G {database}").strip()
        assert owner == "notes:notes", owner

    with subtest("a restore where everything is gone"):
        machine.succeed("rm -rf /var/lib/notes/*; backupservice restore notes")
        assert restored == rows("a") == rows("b")
        machine.succeed("grep -qx kept /var/lib/notes/attachment")
        machine.succeed("systemctl start notes.service")
        machine.wait_until_succeeds(
            f"test $(sqlite3 -cmd '.timeout 10000' {database} 'SELECT count(*) FROM a') -gt {restored}"
        )

    with subtest("a restore stops the service and starts it again"):
        machine.succeed("backupservice restore notes")
        machine.wait_for_unit("notes.service")
        assert query("PRAGMA integrity_check") == "ok"

    with subtest("a damaged database fails the backup and leaves no snapshot"):
        snapshots = machine.succeed("backupservice snapshots notes --json")
        machine.succeed("systemctl stop notes.service")
        machine.succeed(f"dd if=/dev/urandom of={database} bs=4096 seek=2 count=8 conv=notrunc")
        machine.fail("systemctl start backupservice-notes.service")
        machine.succeed("journalctl --sync && journalctl -u backupservice-notes-dump-database.service | grep -q 'is damaged'")
        assert snapshots == machine.succeed("backupservice snapshots notes --json")

    with subtest("so does a missing one"):
        machine.succeed(f"rm {database}*")
        machine.fail("systemctl start backupservice-notes.service")
        assert snapshots == machine.succeed("backupservice snapshots notes --json")
  '';
}
