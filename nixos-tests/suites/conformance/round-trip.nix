# What is saved comes back as it was.
{ ... }:
let
  odd = "/srv/we [i]rd * 100%: $nàme";
  sources = [
    "/var/lib/files"
    "/home/alice"
    "/srv/one-file"
    odd
  ];
in
{
  node = {
    backupservice.instances.files = {
      enable = true;
      user = "root";
      sourceDirectories = sources;
      repository.path = "/srv/backup/files";
    };
    backupservice.instances.one-file-system = {
      enable = true;
      user = "root";
      sourceDirectories = [
        "/home/alice"
        "/home/alice/source"
      ];
      oneFileSystem = true;
      repository.path = "/srv/backup/one-file-system";
    };
    users.users.alice = {
      isNormalUser = true;
      uid = 4000;
    };
  };

  script = ''
    sources = json.loads(${builtins.toJSON (builtins.toJSON sources)})
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
  '';
}
