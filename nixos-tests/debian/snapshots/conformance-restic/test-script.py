import collections
import contextlib
import datetime
import json
import shlex

password_file = "/var/lib/conformance/password"

cases = collections.Counter()


@contextlib.contextmanager
def case(name):
    """A subtest, counted if it comes to its end."""
    with subtest(name):
        yield
    cases[name] += 1


def tell_cases():
    assert set(cases.values()) == {1}, cases.most_common(3)
    assert len(cases) >= 40, len(cases)
    print(f"conformance-{program}: {len(cases)} cases", flush=True)


def unit(instance):
    return f"backupservice-{instance}.service"


def last_run(instance):
    return json.loads(machine.succeed(f"cat /var/lib/backupservice/{instance}/last-run.json"))


def last_run_id(instance):
    status, record = machine.execute(f"cat /var/lib/backupservice/{instance}/last-run.json 2>/dev/null")
    return json.loads(record)["runId"] if status == 0 else None


def judged(instance, before, outcome):
    """The record of the run that ended now, which must have this outcome."""
    record = last_run(instance)
    assert record["runId"] != before, f"no record of a new run: {record}"
    assert record["outcome"] == outcome, record
    assert not record["cleanupFailed"], record
    assert (record["snapshot"] is None) == (outcome not in ("success", "incomplete")), record
    return record


def back_up(instance, outcome="success"):
    """Makes a backup that must have this outcome, and returns its record."""
    before = last_run_id(instance)
    status, _ = machine.execute(f"systemctl start {unit(instance)}")
    assert (status == 0) == (outcome == "success"), f"systemctl start: {status}"
    return judged(instance, before, outcome)


def tells(record, *words):
    """The error names these words and a remedy, in the record and in the journal."""
    error = record["error"]
    machine.log(f"{error['message']} | {error['remedy']}")
    for word in words:
        assert word in error["message"], (word, error)
    assert error["remedy"], error
    journal = machine.succeed(f"journalctl --sync && journalctl --no-pager --output cat _SYSTEMD_INVOCATION_ID={record['runId']}")
    assert error["message"] in journal, journal


def start_in_background(instance):
    """Starts a backup; returns the id of the run before."""
    before = last_run_id(instance)
    machine.succeed(f"systemctl start --no-block {unit(instance)}")
    return before


def wait_for_record(instance, before, timeout=120):
    """Waits for the record of a run after the one with the id `before`."""
    record = f"/var/lib/backupservice/{instance}/last-run.json"
    machine.wait_until_succeeds(f"test -s {record} && ! grep -q '{before}' {record}", timeout=timeout)


def wait_for_run(instance, before):
    wait_for_record(instance, before)
    wait_for_end(unit(instance))


def passes(instance, before):
    """The record of a run that ended with status 75, and is not tried again now."""
    wait_for_record(instance, before)
    machine.wait_until_succeeds(
        f"systemctl show -P ExecMainStatus {unit(instance)} | grep -qx 75", timeout=60
    )
    machine.succeed(f"systemctl stop {unit(instance)}")
    return judged(instance, before, "failed")


def wait_for_end(name):
    machine.wait_until_succeeds(
        f"systemctl show -P ActiveState {name} | grep -qxE 'inactive|failed'", timeout=120
    )


def wait_until_reading(instance):
    """Waits until the provider is at work on the data."""
    machine.wait_until_succeeds(
        f"grep -q '\"bytesDone\":[1-9]' /run/backupservice/{instance}/state.json", timeout=60
    )


def snapshots(instance):
    """Ids of the instance's snapshots, oldest first."""
    listed = json.loads(machine.succeed(f"backupservice snapshots {instance} --json"))
    return [snapshot["id"] for snapshot in listed]


def complete(instance):
    """Ids of those that claim to be complete."""
    listed = json.loads(machine.succeed(f"backupservice snapshots {instance} --json"))
    return [snapshot["id"] for snapshot in listed if snapshot["complete"]]


def restore(instance, *arguments):
    machine.succeed(f"backupservice restore {instance} {shlex.join(arguments)}")


def restore_fails(instance, *arguments, words=()):
    """A restore that must fail and say why; returns what it said."""
    status, text = machine.execute(f"backupservice restore {instance} {shlex.join(arguments)} 2>&1")
    machine.log(f"{status}: {text.strip()}")
    assert status != 0, text
    for word in words:
        assert word in text, (word, text)
    return status


def describe(*paths):
    """Everything that a backup must keep of what is below the paths."""
    return json.loads(machine.succeed(f"python3 /etc/conformance/files.py describe {shlex.join(paths)}"))


def as_kept(description):
    """What the provider can keep of it."""
    return {path: entry | {"mtime": kept_time(entry["mtime"])} for path, entry in description.items()}


def below(description, prefix):
    return {
        path: entry
        for path, entry in description.items()
        if path == prefix or path.startswith(prefix + "/")
    }


def assert_same(got, expected):
    """Says what differs and not more."""
    different = [
        f"{path!r}: {got.get(path)} instead of {expected.get(path)}"
        for path in sorted(got.keys() | expected.keys(), key=ascii)
        if got.get(path) != expected.get(path)
    ]
    assert not different, ascii("; ".join(different[:5]))


def digest(directory):
    """Of all files below a directory, with their names."""
    return machine.succeed(f"cd {shlex.quote(directory)} && find . -type f -print0 | sort -z | xargs -0r sha256sum")


machine.start()
machine.wait_for_unit("multi-user.target")
machine.succeed(f"umask 077 && mkdir -p /var/lib/conformance && echo 'correct horse' > {password_file}")
program = "restic"

# Whether it tells that a file changed while it was read.
notices_changes = False


def kept_time(nanoseconds):
    return nanoseconds


def plain(repository, arguments):
    return f"restic --no-cache --repo {repository} --password-file {password_file} {arguments}"


def stored(repository):
    """Ids of all snapshots in a repository, whoever's they are."""
    listed = json.loads(machine.succeed(plain(repository, "snapshots --no-lock --json")))
    return {snapshot["id"] for snapshot in listed}


def prove_sound(repository):
    machine.succeed(plain(repository, "check --no-lock --read-data"))


def one_of(repository, directory):
    return f"$(find {repository}/{directory} -type f -size +0 -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2-)"


# What no run can do without.
vital_parts = ["config", "index"]


def damage(repository, part):
    """Damages a part of the repository: data, index or config."""
    if part == "config":
        return machine.succeed(f"rm {repository}/config")
    # What restic has in its cache it does not read again until the next check.
    machine.succeed("rm -rf /var/cache/backupservice/*/*")
    return machine.succeed(
        f"file={one_of(repository, part)} && chmod u+w $file"
        " && dd if=/dev/zero of=$file bs=1 count=1000 seek=10 conv=notrunc"
    )


def hold_lock(instance, repository):
    """A process of the instance's machine that works on the repository alone, slowly."""
    slowly = f"restic --no-cache --repo {repository} --limit-download 20 check --read-data"
    machine.succeed(
        "systemd-run --collect --unit=holder --uid=backupservice --setenv=HOME=/tmp"
        f" --setenv=RESTIC_PASSWORD=\"$(cat {password_file})\" -- {slowly}"
    )
    machine.wait_until_succeeds(f"ls {repository}/locks/* > /dev/null 2>&1", timeout=60)


def has_lock(repository):
    return machine.execute(f"ls {repository}/locks/* > /dev/null 2>&1")[0] == 0


server_secrets = ["rest pass-word", "s3/secret+key"]

# Where restic itself tries again for a while.
patient = ["remote-rest", "remote-s3"]


def prepare_server():
    """The server's accounts, and what the client must say to it."""
    password, key = server_secrets
    hashed = machine.succeed(
        "python3 -c 'import base64, hashlib;"
        f" print(base64.b64encode(hashlib.sha1(b\"{password}\").digest()).decode())'"
    )
    machine.succeed(
        f"mkdir -p /srv/rest && echo 'backup:{{SHA}}{hashed.strip()}' > /srv/rest/.htpasswd",
        "cd /var/lib/conformance && echo RESTIC_REST_USERNAME=backup > environment-rest",
        f"cd /var/lib/conformance && echo \"RESTIC_REST_PASSWORD='{password}'\" >> environment-rest",
        "cd /var/lib/conformance && echo AWS_ACCESS_KEY_ID=backup > environment-s3",
        f"cd /var/lib/conformance && echo \"AWS_SECRET_ACCESS_KEY='{key}'\" >> environment-s3",
        "systemctl start rest-server.service s3-server.service s3.socket",
    )
    for port in [8000, 9000, 9001]:
        machine.wait_for_open_port(port)
    machine.succeed("curl --fail --silent --show-error --request PUT http://127.0.0.1:9000/bucket")


def prove_sound_remote(remote):
    match remote:
        case "remote-rest":
            prove_sound("/srv/rest/repository")
        case "remote-s3":
            check = plain("s3:http://127.0.0.1:9000/bucket/repository", "check --no-lock --read-data")
            machine.succeed(f"set -a; . /var/lib/conformance/environment-s3; {check}")
        case "remote-sftp":
            prove_sound("/home/store/repository")


def take_away(remote):
    match remote:
        case "remote-rest":
            machine.succeed("systemctl stop rest-server.service")
        case "remote-s3":
            machine.succeed("systemctl stop s3.socket s3.service")
        case "remote-sftp":
            machine.succeed("systemctl stop sshd.service")
            machine.execute("pkill -KILL -u store")


def bring_back(remote):
    server, port = {
        "remote-rest": ("rest-server.service", 8000),
        "remote-s3": ("s3.socket", 9000),
        "remote-sftp": ("sshd.service", 22),
    }[remote]
    machine.succeed(f"systemctl start {server}")
    machine.wait_for_open_port(port)

machine.succeed(
    "mkdir -p /var/lib/dead && echo data > /var/lib/dead/file",
    # It is to be looked at once, and later.
    "mkdir -p /run/systemd/system/backupservice-dead.service.d",
    "printf '[Service]\nRestartForceExitStatus=\n' > /run/systemd/system/backupservice-dead.service.d/once.conf",
    "systemctl daemon-reload",
)
start_in_background("dead")
sources = json.loads("[\"/var/lib/files\",\"/home/alice\",\"/srv/one-file\",\"/srv/we [i]rd * 100%: $nàme\"]")
odd = sources[3]
quoted = shlex.quote(odd)
machine.succeed(
    f"mkdir -p /var/lib/files /home/alice {quoted}/'[a]'",
    "python3 /etc/conformance/files.py make /var/lib/files",
    "cd /home/alice && echo letter > letter && mkdir -p .config && echo x > .config/x"
    " && chown -R 4000:100 . && chmod 0700 .",
    "echo alone > /srv/one-file && chmod 4750 /srv/one-file && chown 4711:4712 /srv/one-file"
    " && chmod 4750 /srv/one-file && touch -d 2001-02-03 /srv/one-file",
    f"cd {quoted} && echo 1 > '[a]/*' && echo 2 > a && echo 3 > '[a]/-x y'",
    "python3 -c 'import os; os.setxattr(\"/var/lib/files\", \"user.own\", b\"own\")'",
    "chown 4711:4712 /var/lib/files && chmod 2750 /var/lib/files && touch -d 1999-12-31 /var/lib/files",
)
kinds = json.loads(machine.succeed("python3 /etc/conformance/files.py kinds"))
first = as_kept(describe(*sources))

with case("one backup saves four sources and every kind of file"):
    record = back_up("files")
    assert record["totals"]["files"] > 3000, record
    assert snapshots("files") == [record["snapshot"]], record
    assert stored("/srv/backup/files") == {record["snapshot"]}, record
    assert as_kept(describe(*sources)) == first

with case("a restore in place brings back what was lost, and keeps what was there"):
    machine.succeed(f"rm -rf /var/lib/files/* {quoted} /srv/one-file")
    machine.succeed("echo newer > /home/alice/letter")
    restore("files")
    machine.succeed("grep -qx newer /home/.alice.before-restore-*/letter")
    machine.succeed("rm -rf /home/.*.before-restore-* /var/lib/.*.before-restore-*")
    machine.fail("ls -d /srv/.*backupservice-new* /var/lib/.*backupservice-new*")
    restored = describe(*sources)

for kind in kinds:
    with case(f"it brings back {kind.replace('_', ' ')}"):
        assert_same(below(restored, f"/var/lib/files/{kind}"), below(first, f"/var/lib/files/{kind}"))
        assert below(first, f"/var/lib/files/{kind}"), kind

with case("it brings back the source itself with its owner, mode, time and attributes"):
    top = {"/var/lib/files": first["/var/lib/files"]}
    assert_same({"/var/lib/files": restored["/var/lib/files"]}, top)

with case("it brings back a home directory"):
    assert_same(below(restored, "/home/alice"), below(first, "/home/alice"))

with case("it brings back a source that is a single file"):
    assert_same(below(restored, "/srv/one-file"), below(first, "/srv/one-file"))

with case("it brings back a source whose name systemd and shells would take apart"):
    assert_same(below(restored, odd), below(first, odd))

with case("a restore elsewhere has the same, at full paths, and changes nothing here"):
    restore("files", "--target", "/srv/else where")
    elsewhere = describe(*[f"/srv/else where{source}" for source in sources])
    moved = json.loads(json.dumps(elsewhere).replace("/srv/else where/", "/"))
    assert_same(moved, first)
    assert_same(describe(*sources), restored)
    machine.succeed("rm -rf '/srv/else where'")

with case("one file comes back alone"):
    machine.succeed("echo changed > /home/alice/letter && echo newer > /home/alice/newer")
    restore("files", "--path", "/home/alice/letter")
    machine.succeed("grep -qx letter /home/alice/letter && grep -qx newer /home/alice/newer")
    machine.succeed("rm -r /home/alice/.letter.before-restore-* /home/alice/newer")

with case("one directory with brackets in its name comes back alone"):
    machine.succeed(f"cd {quoted} && echo changed | tee '[a]/*' > a")
    restore("files", "--path", f"{odd}/[a]")
    machine.succeed(f"cd {quoted} && grep -qx 1 '[a]/*' && grep -qx changed a")

with case("a second backup adds little"):
    machine.succeed("echo more > /var/lib/files/more")
    record = back_up("files")
    assert record["totals"]["bytesAdded"] < 2_000_000, record
    assert record["totals"]["bytes"] > 60_000_000, record

with case("a backup of what has not changed is a snapshot too"):
    before = snapshots("files")
    record = back_up("files")
    assert snapshots("files") == [*before, record["snapshot"]], record
    assert record["totals"]["bytesAdded"] < 1_000_000, record

with case("an older snapshot comes back, without what is newer"):
    restore("files", "--snapshot", snapshots("files")[0])
    assert_same(describe(*sources), first)
    machine.succeed("rm -rf /srv/.*.before-restore-* /home/.*.before-restore-* /var/lib/.*.before-restore-*")

machine.succeed(
    "mkdir -p /home/alice/{mounted,source} && mount -t tmpfs tmpfs /home/alice/mounted",
    "mount -t tmpfs tmpfs /home/alice/source && echo source > /home/alice/source/file",
    "mkdir /home/alice/mounted/twice && mount -t tmpfs tmpfs /home/alice/mounted/twice",
    "echo mounted | tee /home/alice/mounted/file > /home/alice/mounted/twice/file",
)

with case("what is mounted below a source is saved with it"):
    back_up("files")
    restore("files", "--path", "/home/alice", "--target", "/srv/elsewhere")
    machine.succeed("cd /srv/elsewhere/home/alice && grep -qx mounted mounted/file && grep -qx mounted mounted/twice/file")
    machine.succeed("grep -qx source /srv/elsewhere/home/alice/source/file && rm -r /srv/elsewhere")

with case("with oneFileSystem it is not, unless it is a source itself"):
    back_up("one-file-system")
    restore("one-file-system", "--target", "/srv/elsewhere")
    machine.succeed("grep -qx letter /srv/elsewhere/home/alice/letter")
    machine.succeed("grep -qx source /srv/elsewhere/home/alice/source/file")
    machine.fail("ls /srv/elsewhere/home/alice/mounted/*")
    machine.succeed("umount -R /home/alice/mounted /home/alice/source && rmdir /home/alice/{mounted,source}")
    machine.succeed("rm -r /srv/elsewhere")

with case("the repository is sound"):
    prove_sound("/srv/backup/files")
excludes = json.loads("[{\"kept\":[\"a.tmpx\",\"tmp\",\"a.TMP\"],\"out\":[\"a.tmp\",\"deep/down/b.tmp\",\"directory.tmp/file\",\".tmp\"],\"pattern\":\"*.tmp\"},{\"kept\":[\"cached\",\"my-cache\",\"Cache\"],\"out\":[\"cache/file\",\"deep/cache/deep/file\",\"other/cache\"],\"pattern\":\"cache\"},{\"kept\":[\"old\",\"xxold\"],\"out\":[\"xold\",\"deep/yold/file\"],\"pattern\":\"?old\"},{\"kept\":[\"log\",\"logx\",\"log12\"],\"out\":[\"log1\",\"deep/log9\"],\"pattern\":\"log[0-9]\"},{\"kept\":[\"corea\",\"coreb\",\"core\"],\"out\":[\"corec\",\"core1\"],\"pattern\":\"core[!ab]\"},{\"kept\":[\"deep/absolute\",\"absolutely\"],\"out\":[\"absolute/file\"],\"pattern\":\"/var/lib/excludes/absolute\"},{\"kept\":[\"star/preview\",\"star/a/b/preview\",\"star/a/previews\"],\"out\":[\"star/a/preview\",\"star/b/preview/deep/file\"],\"pattern\":\"/var/lib/excludes/star/*/preview\"},{\"kept\":[\"any/a/thumbsx\",\"thumbs\"],\"out\":[\"any/a/thumbs\",\"any/a/b/thumbs/file\",\"any/thumbs\"],\"pattern\":\"/var/lib/excludes/any/**/thumbs\"},{\"kept\":[\"sub/x/dir\",\"sub/directory\",\"xsub/dir\"],\"out\":[\"sub/dir/file\",\"deep/sub/dir\"],\"pattern\":\"**/sub/dir\"},{\"kept\":[\"xescaped?\",\"*escapedx\"],\"out\":[\"*escaped?\",\"deep/*escaped?\"],\"pattern\":\"\\\\*escaped\\\\?\"},{\"kept\":[\"with space\",\"with space #12\"],\"out\":[\"with space #1\"],\"pattern\":\"with space #1\"},{\"kept\":[\"grüsse\"],\"out\":[\"grüße\",\"große Datei\"],\"pattern\":\"gr*ß*\"},{\"kept\":[\"dash\"],\"out\":[\"-dash\",\"deep/-dashed\"],\"pattern\":\"-dash*\"}]")
for row in excludes:
    for file in row["out"] + row["kept"]:
        path = shlex.quote(f"/var/lib/excludes/{file}")
        machine.succeed(f'mkdir -p "$(dirname {path})" && echo content > {path}')
back_up("excludes")
restore("excludes", "--target", "/srv/excluded")
kept = describe("/srv/excluded/var/lib/excludes")

for row in excludes:
    with case(f"the pattern {row['pattern']} leaves out what it says, and nothing else"):
        found = [f for f in row["out"] + row["kept"] if f"/srv/excluded/var/lib/excludes/{f}" in kept]
        assert found == row["kept"], (found, row)
shared = "/srv/backup/shared"
for name in ["app", "app-2", "app_2", "ap"]:
    machine.succeed(f"mkdir -p /var/lib/{name} && echo {name} 1 > /var/lib/{name}/file")


def app_id():
    return machine.get_unit_property("app.service", "InvocationID")


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
    running, files = app_id(), digest("/var/lib")
    restore_fails("app", "--snapshot", snapshots("app-2")[0], words=["app has no snapshot"])
    assert (running, files) == (app_id(), digest("/var/lib"))

with case("so is a snapshot that does not exist"):
    restore_fails("app", "--snapshot", "0123456789abcdef", words=["app has no snapshot"])
    restore_fails("app", "--snapshot", "../../etc", words=["not a snapshot's id"])
    assert (running, files) == (app_id(), digest("/var/lib"))

with case("so is the latest one where there is none"):
    restore_fails("ap", words=["no snapshot of ap"])
    assert (running, files) == (app_id(), digest("/var/lib"))

with case("so is a path that the snapshot does not hold, or the instance does not promise"):
    restore_fails("app", "--path", "/var/lib/app/not-there", words=["does not hold"])
    restore_fails("app", "--path", "/var/lib/app-2/file", words=["not inside a source of app"])
    restore_fails("app", "--path", "/var/lib/app/../app-2/file", words=["absolute path"])
    assert (running, files) == (app_id(), digest("/var/lib"))

with case("a restore elsewhere stops nothing and overwrites nothing"):
    restore("app", "--target", "/srv/app")
    assert running == app_id()
    restore_fails("app", "--target", "/srv/app", words=["exists already"])
    machine.succeed("grep -qx 'app 1' /srv/app/var/lib/app/file && rm -r /srv/app")

with case("a restore in place stops what it must and starts it again"):
    restore("app")
    assert app_id() not in (running, ""), app_id()
    machine.succeed("systemctl is-active app.service", "rm -r /var/lib/.app.before-restore-*")
trouble = "/srv/backup/trouble"
machine.succeed(
    f"cp {password_file} /var/lib/conformance/password-of-trouble",
    "mkdir -p /var/lib/trouble && head -c 3M /dev/urandom > /var/lib/trouble/data",
)
good = back_up("trouble")["snapshot"]


def nothing_new(*words, outcome="failed"):
    """A run that must fail with these words and leave the repository as it was."""
    before = digest(trouble)
    record = back_up("trouble", outcome)
    tells(record, *words)
    assert digest(trouble) == before, "the repository has changed"
    return record


with case("a missing source fails the run"):
    machine.succeed("mv /var/lib/trouble /var/lib/trouble-away")
    nothing_new("/var/lib/trouble", "does not exist")

with case("an empty source fails the run"):
    machine.succeed("mkdir /var/lib/trouble")
    nothing_new("/var/lib/trouble", "is empty")

with case("a source that is a link to nowhere fails the run"):
    machine.succeed("rmdir /var/lib/trouble && ln -s /var/lib/nowhere /var/lib/trouble")
    nothing_new("/var/lib/trouble")

with case("a source that is a link is saved as what it points to"):
    machine.succeed("ln -sfn /var/lib/trouble-away /var/lib/trouble")
    back_up("trouble")
    restore("trouble", "--target", "/srv/trouble")
    machine.succeed("cmp /srv/trouble/var/lib/trouble/data /var/lib/trouble-away/data")
    machine.succeed("rm -r /srv/trouble && rm /var/lib/trouble && mv /var/lib/trouble-away /var/lib/trouble")

with case("a file that cannot be read makes the snapshot incomplete, and names the file"):
    machine.succeed("touch /var/lib/trouble/secret && mount --bind /proc/1/mem /var/lib/trouble/secret")
    record = back_up("trouble", "incomplete")
    machine.succeed("umount /var/lib/trouble/secret && rm /var/lib/trouble/secret")
    tells(record, "/var/lib/trouble/secret")
    assert record["snapshot"] in snapshots("trouble"), record
    assert record["snapshot"] not in complete("trouble"), record

with case("the latest snapshot is the latest complete one"):
    restore("trouble", "--target", "/srv/trouble")
    machine.fail("test -e /srv/trouble/var/lib/trouble/secret")
    machine.succeed("test -s /srv/trouble/var/lib/trouble/data && rm -r /srv/trouble")

with case("an incomplete snapshot can be asked for by its id"):
    restore("trouble", "--snapshot", record["snapshot"], "--target", "/srv/trouble")
    machine.succeed("test -s /srv/trouble/var/lib/trouble/data && rm -r /srv/trouble")

with case("files that change and grow while they are read do not fail the run"):
    machine.succeed(
        "systemd-run --unit=writer bash -c"
        " 'while :; do date >> /var/lib/trouble/log; head -c 1M /dev/urandom > /var/lib/trouble/data2; done'"
    )
    before = start_in_background("trouble")
    wait_for_run("trouble", before)
    record = judged("trouble", before, last_run("trouble")["outcome"])
    # Who does not notice it has a snapshot with everything; who does says so.
    if record["outcome"] != "success":
        assert notices_changes and record["outcome"] == "incomplete", record
        tells(record, "/var/lib/trouble/")
    machine.succeed("systemctl stop writer.service", "rm /var/lib/trouble/log /var/lib/trouble/data2")

with case("files that disappear while they are read do not fail the run"):
    machine.succeed("mkdir /var/lib/trouble/z && touch /var/lib/trouble/z/{1..100}")
    machine.succeed("truncate -s 2G /var/lib/trouble/{0,1}-slow")
    before = start_in_background("trouble")
    wait_until_reading("trouble")
    machine.succeed("rm -r /var/lib/trouble/z")
    wait_for_run("trouble", before)
    record = last_run("trouble")
    assert record["runId"] != before and record["outcome"] in ("success", "incomplete"), record
    assert (record["snapshot"] in complete("trouble")) == (record["outcome"] == "success"), record

with case("a source that disappears while it is read is no success"):
    machine.succeed("cd /var/lib/trouble && rm *-slow && truncate -s 2G {0,1}-slow && touch zzz{1..100}")
    before = start_in_background("trouble")
    wait_until_reading("trouble")
    machine.succeed("cp /var/lib/trouble/data /root/data && rm -r /var/lib/trouble/*")
    wait_for_run("trouble", before)
    record = last_run("trouble")
    assert record["runId"] != before and record["outcome"] in ("incomplete", "failed"), record
    tells(record, "/var/lib/trouble")
    machine.succeed("cp /root/data /var/lib/trouble/data")

with case("a wrong password fails the run"):
    machine.succeed("echo wrong > /var/lib/conformance/password-of-trouble")
    nothing_new("password")
    restore_fails("trouble", "--target", "/srv/trouble", words=["password"])

with case("a missing password fails the run"):
    machine.succeed("rm /var/lib/conformance/password-of-trouble")
    nothing_new("/var/lib/conformance/password-of-trouble", "missing or empty")
    machine.succeed(f"cp {password_file} /var/lib/conformance/password-of-trouble")
    back_up("trouble")

for part in vital_parts:
    with case(f"a repository with a damaged {part} fails the run and is not made anew"):
        machine.succeed(f"cp -a {trouble} /srv/sound")
        damage(trouble, part)
        nothing_new()
        machine.succeed(f"rm -r {trouble} && mv /srv/sound {trouble}")
        back_up("trouble")

with case("damaged data fails the restore, and what is there stays"):
    machine.succeed(f"cp -a {trouble} /srv/sound")
    damage(trouble, "data")
    machine.succeed("echo there > /var/lib/trouble/there")
    before = describe("/var/lib/trouble")
    restore_fails("trouble", "--snapshot", good)
    assert_same(describe("/var/lib/trouble"), before)
    machine.fail("ls -d /var/lib/.trouble*")
    machine.succeed(f"rm -r {trouble} && mv /srv/sound {trouble}")
    restore("trouble", "--snapshot", good)
    machine.succeed("rm -r /var/lib/.trouble.before-restore-*")

with case("a repository that is gone is made anew, and the loss can be seen"):
    machine.succeed(f"mv {trouble} /srv/sound")
    back_up("trouble")
    assert len(snapshots("trouble")) == 1, snapshots("trouble")
    machine.succeed(f"rm -r {trouble} && mv /srv/sound {trouble}")
    assert good in snapshots("trouble")

with case("a file in the place of the repository fails the run"):
    machine.succeed(f"mv {trouble} /srv/sound && echo precious > {trouble}")
    tells(back_up("trouble", "failed"), trouble)
    machine.succeed(f"grep -qx precious {trouble} && rm {trouble} && mv /srv/sound {trouble}")
    back_up("trouble")

with case("a full disk fails the run, which says so"):
    machine.succeed(
        "mkdir -p /mnt/small /var/lib/small && mount -t tmpfs -o size=30M,mode=0755 tmpfs /mnt/small",
        "echo small > /var/lib/small/file",
    )
    back_up("small")
    before = complete("small")
    machine.succeed("head -c 60M /dev/urandom > /var/lib/small/big")
    record = back_up("small", "failed")
    tells(record, "no space left")

with case("no snapshot of the failed run claims to be complete, and older ones come back"):
    assert complete("small") == before, (before, complete("small"))
    restore("small", "--target", "/srv/small")
    machine.succeed("grep -qx small /srv/small/var/lib/small/file && rm -r /srv/small")

with case("the next run succeeds once there is space"):
    machine.succeed("mount -o remount,size=200M /mnt/small")
    back_up("small")
    prove_sound("/mnt/small/backup")
machine.succeed(
    "mkdir -p /mnt/tiny && mount -t tmpfs -o size=400M,mode=0755 tmpfs /mnt/tiny",
    "mkdir /mnt/tiny/precious && head -c 150M /dev/urandom > /mnt/tiny/precious/data",
    "echo saved > /mnt/tiny/precious/note",
)
back_up("precious")
machine.succeed("echo there > /mnt/tiny/precious/note")
there = describe("/mnt/tiny/precious")
restoring = "backupservice-precious-restore@latest.service"


def is_as_before():
    """What is there is there, nothing else is, and the service runs."""
    assert_same(describe("/mnt/tiny/precious"), there)
    assert machine.succeed("ls -A /mnt/tiny").split() == ["precious"], machine.succeed("ls -A /mnt/tiny")
    machine.succeed("systemctl is-active keeper.service")


for name, kill in [
    ("SIGTERM to the executor", "systemctl stop {unit}"),
    ("SIGKILL of the executor", "systemctl kill --kill-whom=main --signal=KILL {unit}"),
    ("SIGKILL of the provider", "pkill -KILL -u backupservice -x {program}"),
]:
    with case(f"after {name} during a restore, everything is as before"):
        machine.succeed(f"systemctl start --no-block {restoring}")
        machine.wait_until_succeeds("test -n \"$(find /mnt/tiny/.precious.* -name data -size +0)\"", timeout=60)
        machine.succeed(kill.format(unit=restoring, program=program))
        wait_for_end(restoring)
        is_as_before()

with case("a full disk fails the restore, which says so, and everything is as before"):
    machine.succeed("mount -o remount,size=200M /mnt/tiny")
    restore_fails("precious", words=["there is no space left"])
    is_as_before()

with case("the next restore succeeds"):
    machine.succeed("mount -o remount,size=400M /mnt/tiny")
    restore("precious")
    machine.succeed("grep -qx saved /mnt/tiny/precious/note")
    machine.succeed("grep -qx there /mnt/tiny/.precious.before-restore-*/note")
    machine.succeed("systemctl is-active keeper.service")
remotes = json.loads('["remote-rest","remote-s3","remote-sftp"]')
secrets = "/var/lib/conformance"
machine.succeed(
    f"ssh-keygen -q -t ed25519 -N '' -f {secrets}/key",
    f"ssh-keygen -q -t ed25519 -N '' -f {secrets}/other-key",
    # Without PAM, sshd lets nobody in whose account is locked.
    "usermod -p '*' store",
    "install -d -m 0700 -o store /home/store/.ssh",
    f"install -m 0600 -o store {secrets}/key.pub /home/store/.ssh/authorized_keys",
    "mkdir -p /var/lib/remote && head -c 2M /dev/urandom > /var/lib/remote/data && echo remote > /var/lib/remote/note",
)
machine.wait_for_unit("sshd.service")
machine.wait_for_open_port(22)
machine.succeed(f"sed 's/^/127.0.0.1 /' /etc/ssh/ssh_host_ed25519_key.pub > {secrets}/known-hosts")
machine.succeed(f"sed 's/^/127.0.0.1 /' {secrets}/other-key.pub > {secrets}/wrong-hosts")
prepare_server()
secret_texts = machine.succeed(f"cat {password_file} && grep -v -e ---- {secrets}/key").split("\n")
secret_texts = [text for text in [*secret_texts, *server_secrets] if text]


def assert_secret(where, text):
    for secret in secret_texts:
        assert secret not in text, f"a secret is in {where}"


def long_run(remote):
    machine.succeed("rm -f /var/lib/remote/hole && truncate -s 3G /var/lib/remote/hole")
    machine.succeed("head -c 100M /dev/urandom > /var/lib/remote/more")
    before = start_in_background(remote)
    wait_until_reading(remote)
    return before


for remote in remotes:
    with case(f"{remote}: a backup creates the repository and comes back"):
        back_up(remote)
        back_up(remote)
        assert len(snapshots(remote)) == 2
        restore(remote, "--target", "/srv/remote")
        machine.succeed("grep -qx remote /srv/remote/var/lib/remote/note && rm -r /srv/remote")

    with case(f"{remote}: no secret is among the arguments, in the journal or in the plan"):
        before = long_run(remote)
        arguments = machine.succeed("ps -eww -o args")
        assert program in arguments, arguments
        assert_secret("the arguments", arguments)
        wait_for_run(remote, before)
        judged(remote, before, "success")
        assert_secret("the journal", machine.succeed("journalctl --sync && journalctl --no-pager --output cat"))
        assert_secret("the plan", machine.succeed(f"cat /etc/backupservice/plans/{remote}.json"))
        assert_secret("the unit", machine.succeed(f"systemctl cat {unit(remote)}"))

    if remote in patient:
        with case(f"{remote}: a server that is away is waited for, which can be seen"):
            take_away(remote)
            before = start_in_background(remote)
            machine.wait_until_succeeds(
                f"journalctl --no-pager -u {unit(remote)} --since -1min | grep -q 'refused'", timeout=60
            )
            bring_back(remote)
            wait_for_run(remote, before)
            judged(remote, before, "success")

        with case(f"{remote}: a connection that breaks during the run is made again"):
            before = long_run(remote)
            take_away(remote)
            machine.sleep(3)
            assert last_run_id(remote) == before
            bring_back(remote)
            wait_for_run(remote, before)
            judged(remote, before, "success")
            prove_sound_remote(remote)
        continue

    with case(f"{remote}: a server that is away is passing trouble: status 75"):
        take_away(remote)
        before = start_in_background(remote)
        tells(passes(remote, before))
        bring_back(remote)
        back_up(remote)

    with case(f"{remote}: a connection that breaks during the run does not make a snapshot"):
        known = complete(remote)
        before = long_run(remote)
        take_away(remote)
        wait_for_record(remote, before)
        tells(judged(remote, before, "failed"))
        machine.succeed(f"systemctl stop {unit(remote)}")
        bring_back(remote)
        assert complete(remote) == known
        record = back_up(remote)
        assert complete(remote) == [*known, record["snapshot"]]
        prove_sound_remote(remote)

with case("a server with another host key is refused, before anything is sent"):
    machine.succeed(f"cp {secrets}/known-hosts {secrets}/kept && cp {secrets}/wrong-hosts {secrets}/known-hosts")
    tells(back_up(remotes[-1], "failed"), "host key")
    machine.succeed(f"cp {secrets}/kept {secrets}/known-hosts")

with case("a key that the server does not know is told"):
    machine.succeed(f"mv {secrets}/key {secrets}/kept && cp {secrets}/other-key {secrets}/key")
    tells(back_up(remotes[-1], "failed"), "key")
    machine.succeed(f"mv {secrets}/kept {secrets}/key")
    back_up(remotes[-1])
with case("a run without a network ends within minutes, with status 75 and a remedy"):
    wait_for_run("dead", None)
    assert machine.get_unit_property(unit("dead"), "ExecMainStatus") == "75"
    record = judged("dead", None, "failed")
    tells(record, "cannot be reached")
    machine.log(f"from {record['started']} to {record['finished']}")
    started, ended = (datetime.datetime.fromisoformat(record[at]) for at in ["started", "finished"])
    assert ended - started < datetime.timedelta(minutes=3), record
slow = "/srv/backup/slow"
machine.succeed(
    "mkdir -p /var/lib/slow && head -c 4M /dev/urandom > /var/lib/slow/data",
    "mkdir -p /srv/slow",
)
back_up("slow")


def begin():
    """A run that takes a while, at the point where it reads data."""
    machine.succeed("rm -f /var/lib/slow/*-hole && truncate -s 2G /var/lib/slow/{a,b,c}-hole")
    machine.succeed("head -c 1M /dev/urandom > /var/lib/slow/news")
    before = start_in_background("slow")
    wait_until_reading("slow")
    return before


def goes_on(known):
    """No run has left anything that looks complete, and the next one succeeds."""
    machine.succeed("rm -f /var/lib/slow/*-hole")
    assert complete("slow") == known, (complete("slow"), known)
    record = back_up("slow")
    assert complete("slow") == [*known, record["snapshot"]], complete("slow")
    restore("slow", "--target", "/srv/slow/restored")
    machine.succeed("cmp /srv/slow/restored/var/lib/slow/news /var/lib/slow/news && rm -r /srv/slow/restored")


with case("starting an instance that runs waits for that run"):
    known = complete("slow")
    begin()
    machine.succeed(f"systemctl start {unit('slow')}")
    assert len(complete("slow")) == len(known) + 1, complete("slow")
    assert last_run("slow")["outcome"] == "success"

with case("a restore while the instance runs is refused, with status 75"):
    known = complete("slow")
    before = begin()
    status = restore_fails("slow", words=["slow holds the lock"])
    assert status == 75, status
    wait_for_run("slow", before)
    assert last_run("slow")["outcome"] == "success", last_run("slow")
    assert len(complete("slow")) == len(known) + 1

with case("systemctl stop cancels a run, which says so"):
    known = complete("slow")
    before = begin()
    machine.succeed(f"systemctl stop {unit('slow')}")
    judged("slow", before, "cancelled")
    goes_on(known)

for name, kill, outcome in [
    ("SIGTERM to the executor", "systemctl kill --kill-whom=main --signal=TERM {unit}", "cancelled"),
    ("SIGKILL of the executor", "systemctl kill --kill-whom=main --signal=KILL {unit}", "failed"),
    ("SIGKILL of both", "kill -KILL $(cat /sys/fs/cgroup$(systemctl show -P ControlGroup {unit})/cgroup.procs)", "failed"),
    ("SIGTERM to the provider", "pkill -TERM -u backupservice -x {program}", None),
    ("SIGKILL of the provider", "pkill -KILL -u backupservice -x {program}", "failed"),
]:
    with case(f"after {name} there is a record, and the next run succeeds"):
        known = complete("slow")
        before = begin()
        machine.succeed(kill.format(unit=unit("slow"), program=program))
        wait_for_run("slow", before)
        machine.fail(f"pgrep -u backupservice -x {program}")
        record = last_run("slow")
        machine.log(f"{record['outcome']}: {record['error']}")
        # A provider that was asked to stop by somebody else may say so or fail.
        judged("slow", before, outcome or record["outcome"])
        assert record["outcome"] in ("failed", "cancelled"), record
        goes_on(known)

with case("a power failure leaves a sound repository and nothing that blocks"):
    known = complete("slow")
    before = begin()
    machine.succeed("sync")
    machine.crash()
    machine.start()
    machine.wait_for_unit("multi-user.target")
    goes_on(known)
    prove_sound(slow)

with case("a repository that another process works on is passing trouble: status 75"):
    before = last_run_id("slow")
    hold_lock("slow", slow)
    machine.succeed(f"systemctl start --no-block {unit('slow')}")
    tells(passes("slow", before), "lock")
    assert has_lock(slow)

with case("the lock of a dead process does not block for ever"):
    machine.succeed("systemctl kill --signal=KILL holder.service")
    wait_for_end("holder.service")
    assert has_lock(slow)
    back_up("slow")
    assert not has_lock(slow)
tell_cases()
