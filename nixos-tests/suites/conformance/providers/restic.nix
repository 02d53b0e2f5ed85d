# What the suite has to know of restic itself.
{ pkgs, ... }:
{
  packages = [ pkgs.restic ];
  remotes = [
    "sftp"
    "rest"
  ];

  script = ''
    program = "restic"


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


    def damage(repository, part):
        """Damages a part of the repository: data, index or config."""
        if part == "config":
            return machine.succeed(f"rm {repository}/config")
        return machine.succeed(
            f"file={one_of(repository, part)} && chmod u+w $file"
            " && dd if=/dev/zero of=$file bs=1 count=1000 seek=10 conv=notrunc"
        )


    def hold_lock(repository):
        """A process that works on the repository alone, slowly."""
        slowly = plain(repository, "--limit-download 20 check --read-data")
        machine.succeed(f"systemd-run --unit=holder --uid=backupservice --setenv=HOME=/tmp -- {slowly}")
        machine.wait_until_succeeds(f"ls {repository}/locks/* > /dev/null 2>&1")


    def has_lock(repository):
        return machine.execute(f"ls {repository}/locks/* > /dev/null 2>&1")[0] == 0


  '';
}
