# A PostgreSQL database is dumped by the service's own user, and loaded: over a
# changed one, into the empty one of a fresh machine, and not at all if that
# fails half way.
{ ... }:
{
  name = "postgresql-stream";

  nodes.machine =
    { config, contracts, ... }:
    {
      imports = [ ../modules ];

      services.postgresql = {
        enable = true;
        ensureDatabases = [
          "places"
          "wiki"
        ];
        ensureUsers = [
          {
            name = "wiki";
            ensureDBOwnership = true;
          }
        ];
      };

      users.users.wiki = {
        isSystemUser = true;
        group = "wiki";
      };
      users.groups.wiki = { };

      systemd.tmpfiles.rules = [ "d /var/lib/wiki 0750 wiki wiki - -" ];

      backupservice.instances.wiki = {
        enable = true;
        user = "wiki";
        sourceDirectories = [ "/var/lib/wiki" ];
        streams.database = contracts.streams.postgresql {
          database = "wiki";
          inherit (config.services.postgresql) package;
        };
        repository.path = "/srv/backup/wiki";
      };

      backupservice.instances.places = {
        enable = true;
        user = "wiki";
        sourceDirectories = [ "/var/lib/wiki" ];
        streams.database = contracts.streams.postgresql {
          database = "places";
          user = "postgres";
          inherit (config.services.postgresql) package;
          excludeData = [ "one_time_key" ];
          searchPath = "public, pg_catalog";
        };
        repository.path = "/srv/backup/places";
      };
    };

  testScript = ''
    import json

    def query(sql, user="wiki", database="wiki"):
        return machine.succeed(f"su -s /bin/sh {user} -c \"psql -qAtX {database} -c \\\"{sql}\\\"\"").strip()


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

    with subtest("what is not saved is known"):
        entries = json.loads(machine.succeed("backupservice status --uncovered --json"))
        assert [(entry["name"], entry["instances"]) for entry in entries] == [
            ("/var/lib/postgresql", ["places", "wiki"])
        ], entries
        assert "in part, by places, wiki" in machine.succeed("backupservice status --uncovered")

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

    with subtest("functions find what they name without a schema, and some rows are not saved"):
        def places(sql):
            return query(sql, user="postgres", database="places")

        places("CREATE EXTENSION cube")
        places("CREATE FUNCTION is_near(x float8) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT cube_dim(cube(x)) = 1'")
        places("CREATE TABLE place (x float8 CHECK (is_near(x))); INSERT INTO place VALUES (1), (2)")
        places("CREATE TABLE one_time_key (x int); INSERT INTO one_time_key VALUES (1)")
        text = "concat('set_config(', quote_literal('search_path'), ', ', quote_literal('''), ',')"
        places(f"CREATE TABLE note AS SELECT {text} AS text")
        machine.succeed("systemctl start backupservice-places.service")
        places("TRUNCATE place; DROP EXTENSION cube CASCADE; INSERT INTO one_time_key VALUES (2)")
        machine.succeed("backupservice restore places")
        assert places("SELECT sum(x) FROM place") == "3"
        assert places(f"SELECT text = {text} FROM note") == "t"
        assert places("SELECT count(*) FROM one_time_key") == "0"

    with subtest("a dump that fails leaves no snapshot"):
        snapshots = machine.succeed("backupservice snapshots wiki --json")
        query("CREATE TABLE secret (x int); REVOKE ALL ON secret FROM PUBLIC", user="postgres")
        machine.fail("systemctl start backupservice-wiki.service")
        machine.succeed(
            "journalctl --sync && journalctl -u backupservice-wiki-dump-database.service | grep -q 'permission denied for table secret'"
        )
        assert snapshots == machine.succeed("backupservice snapshots wiki --json")
  '';
}
