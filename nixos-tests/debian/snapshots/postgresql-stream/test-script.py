def query(sql, user="wiki"):
    return machine.succeed(f"su -s /bin/sh {user} -c \"psql -qAtX wiki -c \\\"{sql}\\\"\"").strip()


def state():
    return machine.succeed(
        "su -s /bin/sh postgres -c 'pg_dump --inserts wiki' | grep -v -e '^--' -e restrict | sha256sum"
    )


start_all()
machine.wait_for_unit("postgresql.service")
machine.wait_until_succeeds("su -s /bin/sh wiki -c 'psql -qAtX wiki -c \"SELECT 1\"'")

machine.succeed("su -s /bin/sh wiki -c 'echo a file > /var/lib/wiki/file'")
query("CREATE TABLE page (id serial PRIMARY KEY, text text NOT NULL)")
query("CREATE TYPE mood AS ENUM ('good', 'bad')")
query("CREATE SCHEMA extra; CREATE TABLE extra.note (mood mood, page int REFERENCES page)")
query("CREATE VIEW newest AS SELECT max(id) FROM page")
query("INSERT INTO page (text) SELECT 'page ' || i FROM generate_series(1, 1000) i")
query("INSERT INTO extra.note VALUES ('good', 7)")
query("SELECT lo_from_bytea(4242, 'a large object')")

with subtest("files and database are one snapshot"):
    machine.succeed("systemctl start backupservice-wiki.service")
    saved = state()

with subtest("a load replaces what is there, newer tables too"):
    query("UPDATE page SET text = 'vandalised'; DROP TABLE extra.note")
    query("CREATE TABLE of_a_newer_version (x int); CREATE SCHEMA newer")
    machine.succeed("rm /var/lib/wiki/file; backupservice restore wiki")
    assert saved == state()
    assert query("SELECT tableowner FROM pg_tables WHERE tablename = 'page'") == "wiki"
    machine.succeed("grep -qx 'a file' /var/lib/wiki/file")

with subtest("a load that fails changes nothing"):
    query("INSERT INTO page (text) VALUES ('after the backup')")
    query("CREATE SCHEMA not_ours", user="postgres")
    changed = state()
    machine.fail("backupservice restore wiki")
    assert changed == state()
    query("DROP SCHEMA not_ours", user="postgres")

with subtest("a fresh machine has an empty database"):
    machine.succeed("su -s /bin/sh postgres -c 'dropdb wiki && createdb --owner wiki wiki'")
    machine.succeed("backupservice restore wiki")
    assert saved == state()

with subtest("a dump that fails leaves no snapshot"):
    snapshots = machine.succeed("backupservice snapshots wiki --json")
    query("CREATE TABLE secret (x int); REVOKE ALL ON secret FROM PUBLIC", user="postgres")
    machine.fail("systemctl start backupservice-wiki.service")
    machine.succeed(
        "journalctl --sync && journalctl -u backupservice-wiki-dump-database.service | grep -q 'permission denied for table secret'"
    )
    assert snapshots == machine.succeed("backupservice snapshots wiki --json")
