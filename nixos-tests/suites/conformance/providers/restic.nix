# What the suite has to know of restic itself.
{ pkgs, ... }:
{
  packages = [
    pkgs.curl
    pkgs.restic
  ];

  # Instances with a repository elsewhere; the last one is reached over ssh.
  remotes = secrets: {
    remote-rest = {
      path = "rest:http://127.0.0.1:8000/repository/";
      environmentFile = "${secrets}/environment-rest";
    };
    remote-s3 = {
      path = "s3:http://127.0.0.1:9000/bucket/repository";
      environmentFile = "${secrets}/environment-s3";
    };
    remote-sftp = {
      path = "sftp:store@127.0.0.1:/home/store/repository";
      sshKeyFile = "${secrets}/key";
      sshKnownHostsFile = "${secrets}/known-hosts";
    };
  };
  # Nobody is there.
  unreachable = "rest:http://127.0.0.1:7/repository/";

  server = {
    systemd.services.rest-server.serviceConfig.ExecStart =
      "${pkgs.restic-rest-server}/bin/${pkgs.restic-rest-server.meta.mainProgram}"
      + " --listen 127.0.0.1:8000 --path /srv/rest --htpasswd-file /srv/rest/.htpasswd";
    # It forgets what it has when it ends: only the way to it is taken away.
    systemd.services.s3-server.serviceConfig.ExecStart =
      let
        python = pkgs.python3.withPackages (
          packages: [ packages.moto ] ++ packages.moto.optional-dependencies.server
        );
      in
      "${python}/bin/moto_server -H 127.0.0.1 -p 9001";
    systemd.sockets.s3.socketConfig.ListenStream = "127.0.0.1:9000";
    systemd.services.s3.serviceConfig.ExecStart =
      "${pkgs.systemd}/lib/systemd/systemd-socket-proxyd 127.0.0.1:9001";
  };

  script = ''
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
        """A process of a clone of the machine that works on the repository alone, and is held."""
        hold(one_of(repository, "data"))
        machine.succeed(
            "systemd-run --collect --unit=holder --uid=backupservice --setenv=HOME=/tmp"
            " --property=ExecStopPost='+systemctl stop hold'"
            f" --setenv=RESTIC_PASSWORD=\"$(cat {password_file})\" --"
            f" restic --no-cache --repo {repository} check --read-data"
        )
        wait_until_held()


    def has_lock(repository):
        return machine.execute(f"ls {repository}/locks/* > /dev/null 2>&1")[0] == 0


    # By hand, once their holders are known to be gone.
    remove_locks = "unlock"

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

  '';
}
