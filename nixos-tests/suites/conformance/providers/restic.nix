# What the suite has to know of restic itself.
{ pkgs, ... }:
{
  packages = [ pkgs.restic ];

  # Instances with a repository elsewhere; the last one is reached over ssh.
  remotes = secrets: {
    remote-rest = {
      path = "rest:http://127.0.0.1:8000/repository/";
      environmentFile = "${secrets}/environment";
    };
    remote-sftp = {
      path = "sftp:store@127.0.0.1:/home/store/repository";
      sshKeyFile = "${secrets}/key";
      sshKnownHostsFile = "${secrets}/known-hosts";
    };
  };
  server.systemd.services.rest-server.serviceConfig = {
    ExecStart =
      "${pkgs.restic-rest-server}/bin/${pkgs.restic-rest-server.meta.mainProgram}"
      + " --listen 127.0.0.1:8000 --path /srv/rest --htpasswd-file /srv/rest/.htpasswd";
  };

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
        # What restic has in its cache it does not read again until the next check.
        machine.succeed("rm -rf /var/cache/backupservice/*/*")
        return machine.succeed(
            f"file={one_of(repository, part)} && chmod u+w $file"
            " && dd if=/dev/zero of=$file bs=1 count=1000 seek=10 conv=notrunc"
        )


    def hold_lock(repository):
        """A process that works on the repository alone, slowly."""
        slowly = plain(repository, "--limit-download 20 check --read-data")
        machine.succeed(f"systemd-run --unit=holder --uid=backupservice --setenv=HOME=/tmp -- {slowly}")
        machine.wait_until_succeeds(f"ls {repository}/locks/* > /dev/null 2>&1")


    server_secrets = ["rest pass-word"]

    # Where restic itself tries again, for 15 minutes.
    patient = ["remote-rest"]


    def prove_sound_remote(remote):
        prove_sound({"remote-rest": "/srv/rest/repository", "remote-sftp": "/home/store/repository"}[remote])


    def prepare_server():
        """The server's account, and what the client must say to it."""
        name, secret = "backup", server_secrets[0]
        hashed = machine.succeed(
            "python3 -c 'import base64, hashlib;"
            f" print(base64.b64encode(hashlib.sha1(b\"{secret}\").digest()).decode())'"
        )
        machine.succeed(
            f"mkdir -p /srv/rest && echo '{name}:{{SHA}}{hashed.strip()}' > /srv/rest/.htpasswd",
            f"echo 'RESTIC_REST_USERNAME={name}' > /var/lib/conformance/environment",
            f"echo \"RESTIC_REST_PASSWORD='{secret}'\" >> /var/lib/conformance/environment",
            "systemctl start rest-server.service",
        )
        machine.wait_for_open_port(8000)


    def take_away(remote):
        if remote == "remote-rest":
            return machine.succeed("systemctl stop rest-server.service")
        machine.succeed("systemctl stop sshd.service")
        machine.execute("pkill -KILL -u store")


    def bring_back(remote):
        if remote == "remote-rest":
            machine.succeed("systemctl start rest-server.service")
            return machine.wait_for_open_port(8000)
        machine.succeed("systemctl start sshd.service")
        machine.wait_for_open_port(22)


    def has_lock(repository):
        return machine.execute(f"ls {repository}/locks/* > /dev/null 2>&1")[0] == 0


  '';
}
