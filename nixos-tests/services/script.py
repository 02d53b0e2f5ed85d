import json
import shlex

probes = json.loads(PROBES)


def back_up(name, use):
    """Backs up, and uses the service meanwhile."""
    machine.succeed(f"systemctl start --no-block backupservice-{name}.service")
    for number in range(5):
        use(number)
    machine.succeed(f"systemctl start backupservice-{name}.service")
    run = json.loads(machine.succeed(f"cat /var/lib/backupservice/{name}/last-run.json"))
    assert run["outcome"] == "success" and not run["cleanupFailed"], run


def restore(name):
    machine.succeed(f"backupservice restore {name}")
    check_copy(name)


def check_copy(name):
    """The contract's probe passes a restored copy, and not an empty one."""
    if probe := probes.get(name):
        copy = f"/srv/copy/{name}"
        command = f"bash -euo pipefail -c {shlex.quote(probe)}"
        machine.succeed(f"backupservice restore {name} --target {copy}", f"BACKUP_COPY={copy} {command}")
        machine.fail(f"BACKUP_COPY=/srv/empty {command}")


def run_as(user, command):
    return machine.succeed(f"su -s /bin/sh {user} -c {shlex.quote(command)}").strip()


def unused(number):
    """The service is stopped meanwhile."""


machine.start()
machine.wait_for_unit("multi-user.target")
machine.succeed(
    "transmission-create --outfile /srv/a.torrent --tracker http://127.0.0.1:1/announce /etc/hostname",
    "chmod 0644 /srv/a.torrent",
)

with subtest("radicale: calendars"):
    calendar = "http://127.0.0.1:5232/alice/work"

    def add(name):
        lines = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", f"UID:{name}", f"SUMMARY:{name}", "DTSTART:20260101T000000Z"]
        event = "\\n".join([*lines, "END:VEVENT", "END:VCALENDAR"])
        machine.succeed(f"printf '{event}\\n' | curl -sf -u alice: -X PUT --data-binary @- {calendar}/{name}.ics")

    machine.wait_for_open_port(5232)
    machine.succeed(f"curl -sf -u alice: -X MKCALENDAR {calendar}/")
    add("lunch")
    back_up("radicale", lambda number: add(f"dinner{number}"))
    machine.succeed("systemctl stop radicale; rm -r /var/lib/radicale/collections/*; systemctl start radicale")
    machine.wait_for_open_port(5232)
    machine.fail(f"curl -sf -u alice: {calendar}/lunch.ics")
    restore("radicale")
    machine.wait_for_open_port(5232)
    machine.succeed(f"curl -sf -u alice: {calendar}/lunch.ics | grep -q SUMMARY:lunch")

with subtest("postgresql: all databases, roles, passwords and memberships"):

    def psql(sql, database="wiki"):
        return run_as("postgres", f"psql -qAtX -v ON_ERROR_STOP=1 {database} -c {shlex.quote(sql)}")

    def cluster():
        return psql(
            "SELECT rolname, rolpassword, rolconnlimit FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1"
        ) + psql("SELECT roleid::regrole, member::regrole FROM pg_auth_members WHERE roleid > 16384 ORDER BY 1, 2")

    psql("CREATE ROLE staff; CREATE ROLE \"An na\" LOGIN PASSWORD 'not-secret' CONNECTION LIMIT 3 IN ROLE staff")
    psql("CREATE TABLE page (title text); INSERT INTO page VALUES ('first'); ALTER TABLE page OWNER TO staff")
    psql('CREATE DATABASE "dbname=odd" OWNER "An na"')
    psql("CREATE TABLE note (x int); INSERT INTO note VALUES (7)", database='"dbname=\'dbname=odd\'"')
    psql("CREATE TABLE of_the_administrator (x int)", database="postgres")
    roles = cluster()
    back_up("postgresql", lambda number: psql(f"INSERT INTO page VALUES ('later {number}')"))
    with_data = "CREATE DATABASE newer"
    psql(with_data)
    psql("DROP TABLE page")

    def check():
        assert psql("SELECT count(*) FROM page WHERE title = 'first'") == "1"
        assert psql("SELECT tableowner FROM pg_tables WHERE tablename = 'page'") == "staff"
        assert psql("SELECT x FROM note", database='"dbname=\'dbname=odd\'"') == "7"
        assert psql("SELECT count(*) FROM of_the_administrator", database="postgres") == "0"
        assert psql("SELECT count(*) FROM pg_database WHERE datname = 'newer'") == "0"
        assert cluster() == roles, cluster() + roles

    restore("postgresql")
    check()
    machine.succeed("systemctl stop miniflux postgresql; rm -r /var/lib/postgresql/*; systemctl start postgresql")
    machine.wait_until_succeeds("su -s /bin/sh postgres -c 'psql -l' | grep wiki")
    restore("postgresql")
    check()
    machine.succeed("systemctl start miniflux")

with subtest("miniflux: its database"):
    api = "curl -sf -u admin:not-secret http://127.0.0.1:8080/v1/categories"

    def add_category(name):
        machine.succeed(f"{api} -d '{{\"title\": \"{name}\"}}'")

    machine.wait_for_open_port(8080)
    add_category("news")
    back_up("miniflux", lambda number: add_category(f"later {number}"))
    machine.succeed("systemctl stop miniflux")
    run_as("postgres", "dropdb --force miniflux && createdb --owner miniflux miniflux")
    machine.succeed("systemctl start miniflux")
    machine.wait_for_open_port(8080)
    machine.fail(f"{api} | grep -q news")
    restore("miniflux")
    machine.wait_for_open_port(8080)
    machine.succeed(f"{api} | grep -q news")

with subtest("mysql: all databases, accounts, passwords and privileges"):

    def sql(statement, database=""):
        return run_as("mysql", f"mariadb --batch --skip-column-names {database} -e {shlex.quote(statement)}")

    def accounts():
        password = "coalesce(json_value(priv, '$.authentication_string'), '')"
        users = sql(f"SELECT user, host, {password} FROM mysql.global_priv ORDER BY 1, 2")
        return users + sql("SHOW GRANTS FOR anna@localhost; SHOW GRANTS FOR readers")

    machine.wait_for_unit("mysql.service")
    sql("CREATE TABLE page (title text); INSERT INTO page VALUES ('first')", "wiki")
    sql("CREATE DATABASE `od``d`; CREATE USER anna@localhost IDENTIFIED BY 'not-secret'; CREATE ROLE readers")
    sql("GRANT SELECT ON wiki.page TO readers; GRANT readers TO anna@localhost")
    sql("SET DEFAULT ROLE readers FOR anna@localhost")
    users = accounts()
    back_up("mysql", lambda number: sql(f"INSERT INTO page VALUES ('later {number}')", "wiki"))

    def check_mysql():
        assert sql("SELECT count(*) FROM page WHERE title = 'first'", "wiki") == "1"
        assert sql("SHOW DATABASES LIKE 'newer'") == ""
        assert sql("SHOW DATABASES LIKE 'od%'") == "od`d"
        assert accounts() == users, accounts() + users
        machine.succeed("mariadb --user=anna --password=not-secret wiki -e 'SELECT * FROM page' | grep first")

    sql("CREATE DATABASE newer; DROP TABLE wiki.page; SET PASSWORD FOR anna@localhost = PASSWORD('other')")
    restore("mysql")
    check_mysql()
    machine.succeed("systemctl stop mysql; rm -r /var/lib/mysql/*; systemctl start mysql")
    restore("mysql")
    check_mysql()

with subtest("redis: what it holds"):
    redis = "redis-cli -s /run/redis-cache/redis.sock"
    machine.wait_for_unit("redis-cache.service")
    machine.succeed(f"{redis} SET word kept")
    back_up("redis-cache", lambda number: machine.succeed(f"{redis} SET later{number} x"))
    machine.succeed(f"{redis} FLUSHALL", "systemctl stop redis-cache; rm -f /var/lib/redis-cache/*; systemctl start redis-cache")
    assert machine.succeed(f"{redis} GET word").strip() == ""
    restore("redis-cache")
    assert machine.succeed(f"{redis} GET word").strip() == "kept"

with subtest("mosquitto: retained messages"):
    machine.wait_for_open_port(1883)
    machine.succeed("mosquitto_pub -r -q 1 -t house/door -m open")
    back_up("mosquitto", unused)
    machine.wait_for_open_port(1883)
    machine.succeed("systemctl stop mosquitto; rm /var/lib/mosquitto/mosquitto.db; systemctl start mosquitto")
    machine.wait_for_open_port(1883)
    restore("mosquitto")
    machine.wait_for_open_port(1883)
    assert machine.succeed("mosquitto_sub -t house/door -C 1 -W 30").strip() == "open"

with subtest("syncthing: identity and folders"):
    config = "/var/lib/syncthing/.config/syncthing"

    def rest(path, options=""):
        machine.wait_for_open_port(8384)
        key = f"$(sed -n 's|.*<apikey>\\(.*\\)</apikey>.*|\\1|p' {config}/config.xml)"
        return machine.succeed(f'curl -sf -H "X-API-Key: {key}" {options} http://127.0.0.1:8384/rest/{path}')

    def add_folder(name):
        folder = json.dumps({"id": name, "path": f"/var/lib/syncthing/{name}"})
        rest("config/folders", f"-X POST -d '{folder}'")

    add_folder("photos")
    identity = json.loads(rest("system/status"))["myID"]
    back_up("syncthing", lambda number: add_folder(f"later{number}"))
    machine.succeed(f"systemctl stop syncthing; rm -r {config}; systemctl start syncthing")
    assert json.loads(rest("system/status"))["myID"] != identity
    restore("syncthing")
    assert json.loads(rest("system/status"))["myID"] == identity
    assert "photos" in [folder["id"] for folder in json.loads(rest("config/folders"))]

with subtest("prometheus: time series"):

    def query(expression, time=""):
        machine.wait_for_open_port(9090)
        arguments = f"--data-urlencode 'query={expression}'" + (f" --data-urlencode 'time={time}'" if time else "")
        answer = machine.succeed(f"curl -sf {arguments} http://127.0.0.1:9090/api/v1/query")
        return json.loads(answer)["data"]["result"]

    machine.wait_until_succeeds("curl -sf http://127.0.0.1:9090/api/v1/query?query=up | grep -q itself")
    moment = query("timestamp(up)")[0]["value"][1]
    back_up("prometheus", unused)
    machine.succeed("systemctl stop prometheus; rm -r /var/lib/prometheus2/data; systemctl start prometheus")
    assert query("up", moment) == []
    restore("prometheus")
    assert query("up", moment)[0]["value"][1] == "1"

with subtest("transmission: torrents"):
    machine.wait_for_open_port(9091)
    machine.succeed("transmission-remote --add /srv/a.torrent")
    back_up("transmission", unused)
    machine.wait_for_open_port(9091)
    machine.succeed(
        "systemctl stop transmission",
        "rm -r /var/lib/transmission/.config/transmission-daemon/*",
        "systemctl start transmission",
    )
    machine.wait_for_open_port(9091)
    machine.fail("transmission-remote --list | grep -q hostname")
    restore("transmission")
    machine.wait_for_open_port(9091)
    machine.succeed("transmission-remote --list | grep -q hostname")

with subtest("deluge: torrents"):

    def deluge(command):
        machine.wait_for_open_port(58846)
        return run_as("deluge", f"HOME=/var/lib/deluge deluge-console {shlex.quote(command)} 2>&1")

    print(deluge("add /srv/a.torrent"))
    assert "hostname" in deluge("info"), deluge("info")
    back_up("deluge", unused)
    machine.succeed("systemctl stop deluged; rm -r /var/lib/deluge/.config/deluge/*; systemctl start deluged")
    assert "hostname" not in deluge("info"), deluge("info")
    restore("deluge")
    assert "hostname" in deluge("info"), deluge("info")

with subtest("a DynamicUser's SQLite and keys"):
    state = "/var/lib/private/lldap"
    machine.wait_until_succeeds(f"test -s {state}/server_key")
    machine.succeed(f"sqlite3 {state}/users.db \"INSERT INTO users VALUES ('anna')\"")
    back_up("lldap", unused)
    machine.succeed("systemctl stop lldap", f"rm -r {state}/*", "systemctl start lldap")
    machine.wait_until_succeeds(f"test -s {state}/server_key")
    machine.succeed(f"echo another > {state}/server_key")
    restore("lldap")
    assert machine.succeed(f"sqlite3 {state}/users.db 'SELECT * FROM users'").strip() == "anna"
    owners = machine.succeed(f"stat -c %u {state}/users.db {state}/server_key $(readlink -f /var/lib/lldap)").split()
    assert len(set(owners)) == 1 and owners[0] != "0", owners
