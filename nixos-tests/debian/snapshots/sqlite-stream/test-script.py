database = "/var/lib/notes/notes.db"


def query(sql):
    return machine.succeed(f"sqlite3 -cmd '.timeout 10000' {database} '{sql}'").strip()


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
    machine.succeed("test -z \"$(ls -A /var/lib/backupservice/notes/staging)\"")

with subtest("a restore over a newer database"):
    machine.succeed("systemctl stop notes.service")
    query("DELETE FROM b; CREATE TABLE newer (x);")
    machine.succeed("backupservice restore notes")
    assert query("PRAGMA integrity_check") == "ok"
    assert query("SELECT count(*) FROM sqlite_master WHERE name = \"newer\"") == "0"
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
