# What the suite has to know of borg itself.
{ pkgs, ... }:
{
  packages = [ pkgs.borgbackup ];

  # Instances with a repository elsewhere; the last one is reached over ssh.
  remotes = secrets: {
    remote-ssh = {
      path = "ssh://store@127.0.0.1/home/store/repository";
      sshKeyFile = "${secrets}/key";
      sshKnownHostsFile = "${secrets}/known-hosts";
    };
  };
  # Nobody is there.
  unreachable = "ssh://store@127.0.0.1:7/home/store/repository";

  # borg tells machines apart by a network address, and this one has none.
  server.services.openssh.settings.SetEnv = "BORG_HOST_ID=server";

  script = ''
    program = "borg"

    # Whether it tells that a file changed while it was read.
    notices_changes = True


    def kept_time(nanoseconds):
        """borg knows only times that a machine of 32 bits knows."""
        return min(max(nanoseconds, 0), 2147310847 * 10**9)


    def plain(repository, arguments, host="plain"):
        """borg's own command line, as the user whose repository it is."""
        owner = machine.succeed(f"stat -c %U {repository}").strip()
        return (
            f"export BORG_PASSPHRASE=\"$(cat {password_file})\" BORG_BASE_DIR=/tmp/borg-{owner} BORG_REPO={repository}"
            f" BORG_HOST_ID={host}; runuser -u {owner} -- borg {arguments}"
        )


    def stored(repository):
        """Ids of all snapshots in a repository, whoever's they are."""
        listed = json.loads(machine.succeed(plain(repository, "list --json --consider-checkpoints")))
        return {archive["id"] for archive in listed["archives"]}


    def prove_sound(repository):
        machine.succeed(plain(repository, "check --verify-data"))


    # What no run can do without.
    vital_parts = ["config", "manifest"]


    def damage(repository, part):
        """Damages a part of the repository: data, manifest or config."""
        if part == "config":
            return machine.succeed(f"rm {repository}/config")
        # The manifest is what was written last.
        order = {"manifest": "sort -V | tail -1", "data": "xargs ls -S | head -1"}[part]
        return machine.succeed(
            f"file=$(find {repository}/data -type f -size +50c | {order})"
            " && size=$(stat -c %s $file)"
            " && dd if=/dev/zero of=$file bs=1 count=100 seek=$((size / 2)) conv=notrunc"
        )


    def hold_lock(instance, repository):
        """A process of a clone of the machine that works on the repository alone."""
        command = plain(repository, "with-lock :: sleep infinity", f"{instance}@machine-0123456789abcdef")
        machine.succeed(f"systemd-run --collect --unit=holder -- bash -c {shlex.quote(command)}")
        machine.wait_until_succeeds(f"ls {repository}/lock.exclusive/* > /dev/null 2>&1")


    def has_lock(repository):
        return machine.execute(f"ls {repository}/lock.exclusive/* > /dev/null 2>&1")[0] == 0


    # By hand, once their holders are known to be gone.
    remove_locks = "break-lock"

    server_secrets = []

    # Where borg itself tries again for a while.
    patient = []


    def prepare_server():
        pass


    def prove_sound_remote(remote):
        prove_sound("/home/store/repository")


    def take_away(remote):
        machine.succeed("systemctl stop sshd.service")
        machine.execute("pkill -KILL -u store")


    def bring_back(remote):
        machine.succeed("systemctl start sshd.service")
        machine.wait_for_open_port(22)

  '';
}
