# What is wrong with the data or the repository is told, and made no worse.
{ ... }:
{
  node =
    { ... }:
    {
      backupservice.instances.trouble = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/trouble" ];
        repository = {
          path = "/srv/backup/trouble";
          passwordFile = "/var/lib/conformance/password-of-trouble";
        };
      };
      backupservice.instances.small = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/small" ];
        repository.path = "/mnt/small/backup";
        guards.maxShrink = 50;
      };
    };

  script = ''
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
  '';
}
