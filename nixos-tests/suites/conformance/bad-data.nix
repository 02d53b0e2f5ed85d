# What is wrong with the data or the repository is told, and made no worse.
{ ... }:
{
  node =
    { ... }:
    {
      backupservice.instances.bad-data = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/bad-data" ];
        repository = {
          path = "/srv/backup/bad-data";
          passwordFile = "/var/lib/conformance/password-of-bad-data";
        };
      };
      backupservice.instances.small = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/small" ];
        repository.path = "/mnt/small/backup";
        repository.mountPoint = "/mnt/small";
        guards.maxShrink = 50;
      };
    };

  script = ''
    repository = "/srv/backup/bad-data"
    machine.succeed(
        f"cp {password_file} /var/lib/conformance/password-of-bad-data",
        "mkdir -p /var/lib/bad-data && head -c 3M /dev/urandom > /var/lib/bad-data/data",
    )
    good = back_up("bad-data")["snapshot"]


    def nothing_new(*words, outcome="failed"):
        """A run that must fail with these words and leave the repository as it was."""
        before = digest(repository)
        record = back_up("bad-data", outcome)
        tells(record, *words)
        assert digest(repository) == before, "the repository has changed"
        return record


    with case("a missing source fails the run"):
        machine.succeed("mv /var/lib/bad-data /var/lib/bad-data-away")
        nothing_new("/var/lib/bad-data", "does not exist")

    with case("an empty source fails the run"):
        machine.succeed("mkdir /var/lib/bad-data")
        nothing_new("/var/lib/bad-data", "is empty")

    with case("a source that is a link to nowhere fails the run"):
        machine.succeed("rmdir /var/lib/bad-data && ln -s /var/lib/nowhere /var/lib/bad-data")
        nothing_new("/var/lib/bad-data")

    with case("a source that is a link is saved as what it points to"):
        machine.succeed("ln -sfn /var/lib/bad-data-away /var/lib/bad-data")
        back_up("bad-data")
        restore("bad-data", "--target", "/srv/bad-data")
        machine.succeed("cmp /srv/bad-data/var/lib/bad-data/data /var/lib/bad-data-away/data")
        machine.succeed("rm -r /srv/bad-data && rm /var/lib/bad-data && mv /var/lib/bad-data-away /var/lib/bad-data")

    with case("a file that cannot be read makes the snapshot incomplete, and names the file"):
        machine.succeed("touch /var/lib/bad-data/secret && mount --bind /proc/1/mem /var/lib/bad-data/secret")
        record = back_up("bad-data", "incomplete")
        machine.succeed("umount /var/lib/bad-data/secret && rm /var/lib/bad-data/secret")
        tells(record, "(1 file or directory)", private=["/var/lib/bad-data/secret"])
        assert record["snapshot"] in snapshots("bad-data"), record
        assert record["snapshot"] not in complete("bad-data"), record

    with case("the latest snapshot is the latest complete one"):
        restore("bad-data", "--target", "/srv/bad-data")
        machine.fail("test -e /srv/bad-data/var/lib/bad-data/secret")
        machine.succeed("test -s /srv/bad-data/var/lib/bad-data/data && rm -r /srv/bad-data")

    with case("an incomplete snapshot can be asked for by its id"):
        restore("bad-data", "--snapshot", record["snapshot"], "--target", "/srv/bad-data")
        machine.succeed("test -s /srv/bad-data/var/lib/bad-data/data && rm -r /srv/bad-data")

    with case("files that change and grow while they are read do not fail the run"):
        machine.succeed(
            "systemd-run --unit=writer bash -c"
            " 'while :; do date >> /var/lib/bad-data/log; head -c 1M /dev/urandom > /var/lib/bad-data/data2; done'"
        )
        before = start_in_background("bad-data")
        wait_for_run("bad-data", before)
        record = judged("bad-data", before, last_run("bad-data")["outcome"])
        # Who does not notice it has a snapshot with everything; who does says so.
        if record["outcome"] != "success":
            assert notices_changes and record["outcome"] == "incomplete", record
            tells(record, private=["/var/lib/bad-data/"])
        machine.succeed("systemctl stop writer.service", "rm /var/lib/bad-data/log /var/lib/bad-data/data2")

    with case("files that disappear while they are read do not fail the run"):
        machine.succeed("mkdir /var/lib/bad-data/z && touch /var/lib/bad-data/{first,z/{1..100}}")
        # Whatever order the provider reads them in, most are still to come.
        hold("/var/lib/bad-data/{first,z/*}")
        before = start_in_background("bad-data")
        wait_until_held()
        machine.succeed("rm -r /var/lib/bad-data/z")
        let_go()
        wait_for_run("bad-data", before)
        record = last_run("bad-data")
        assert record["runId"] != before and record["outcome"] in ("success", "incomplete"), record
        assert (record["snapshot"] in complete("bad-data")) == (record["outcome"] == "success"), record

    with case("a source that disappears while it is read is no success"):
        machine.succeed("cd /var/lib/bad-data && cp data /root/data && touch zzz{1..100}")
        hold("/var/lib/bad-data/*")
        before = start_in_background("bad-data")
        wait_until_held()
        machine.succeed("rm -r /var/lib/bad-data/*")
        let_go()
        wait_for_run("bad-data", before)
        record = last_run("bad-data")
        assert record["runId"] != before and record["outcome"] in ("incomplete", "failed"), record
        tells(record)
        machine.succeed(f"journalctl --no-pager _SYSTEMD_INVOCATION_ID={record['runId']} | grep /var/lib/bad-data > /dev/null")
        machine.succeed("cp /root/data /var/lib/bad-data/data")

    with case("a wrong password fails the run"):
        machine.succeed("echo wrong > /var/lib/conformance/password-of-bad-data")
        nothing_new("password")
        restore_fails("bad-data", "--target", "/srv/bad-data", words=["password"])

    with case("a missing password fails the run"):
        machine.succeed("rm /var/lib/conformance/password-of-bad-data")
        nothing_new("/var/lib/conformance/password-of-bad-data", "missing or empty")
        machine.succeed(f"cp {password_file} /var/lib/conformance/password-of-bad-data")
        back_up("bad-data")

    for part in vital_parts:
        with case(f"a repository with a damaged {part} fails the run and is not made anew"):
            machine.succeed(f"cp -a {repository} /srv/sound")
            damage(repository, part)
            nothing_new()
            machine.succeed(f"rm -r {repository} && mv /srv/sound {repository}")
            back_up("bad-data")

    with case("damaged data fails the restore, and what is there stays"):
        machine.succeed(f"cp -a {repository} /srv/sound")
        damage(repository, "data")
        machine.succeed("echo there > /var/lib/bad-data/there")
        before = describe("/var/lib/bad-data")
        restore_fails("bad-data", "--snapshot", good)
        assert_same(describe("/var/lib/bad-data"), before)
        machine.fail("ls -d /var/lib/.bad-data*")
        machine.succeed(f"rm -r {repository} && mv /srv/sound {repository}")
        restore("bad-data", "--snapshot", good)
        machine.succeed("rm -r /var/lib/.bad-data.before-restore-*")

    with case("a repository that is gone fails the run, and is made anew only on request"):
        machine.succeed(f"mv {repository} /srv/sound")
        record = back_up("bad-data", "failed")
        tells(record, "does not exist any more")
        assert "backupservice run NAME --new-repository" in record["error"]["remedy"], record
        machine.succeed("backupservice run bad-data --new-repository")
        assert len(snapshots("bad-data")) == 1, snapshots("bad-data")

    with case("an exchanged repository fails the run, until it is accepted"):
        machine.succeed(f"rm -r {repository} && mv /srv/sound {repository}")
        assert good in snapshots("bad-data")
        tells(back_up("bad-data", "failed"), "does not hold the last snapshot")
        machine.succeed("backupservice run bad-data --new-repository")
        back_up("bad-data")

    with case("a file in the place of the repository fails the run"):
        machine.succeed(f"mv {repository} /srv/sound && echo precious > {repository}")
        tells(back_up("bad-data", "failed"), repository)
        machine.succeed(f"grep -qx precious {repository} && rm {repository} && mv /srv/sound {repository}")
        back_up("bad-data")

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
  '';
}
