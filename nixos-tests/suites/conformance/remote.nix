# Repositories on another machine, which here is this one.
{
  lib,
  pkgs,
  provider,
}:
let
  secrets = "/var/lib/conformance";
  mkInstance = repository: {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/remote" ];
    inherit repository;
  };
in
{
  node = {
    imports = [ provider.server ];

    backupservice.instances = lib.mapAttrs (_: mkInstance) (provider.remotes secrets);

    services.openssh = {
      enable = true;
      startWhenNeeded = false;
      settings = {
        PasswordAuthentication = false;
        UsePAM = false;
      };
    };
    users.users.store = {
      isNormalUser = true;
      createHome = true;
      homeMode = "0700";
    };
  };

  script = ''
    remotes = json.loads('${builtins.toJSON (lib.attrNames (provider.remotes secrets))}')
    secrets = "${secrets}"
    machine.succeed(
        f"ssh-keygen -q -t ed25519 -N ''' -f {secrets}/key",
        f"ssh-keygen -q -t ed25519 -N ''' -f {secrets}/other-key",
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


    def held_run(remote):
        """A run that is held while the provider reads data, most of which is to be sent."""
        machine.succeed("cd /var/lib/remote && head -c 1M /dev/urandom > more && head -c 30M /dev/urandom > pending")
        hold("/var/lib/remote/pending")
        before = start_in_background(remote)
        wait_until_held()
        return before


    def wait_until_refused(remote):
        """Waits until the run has found the server away."""
        run = f"_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {unit(remote)})"
        machine.wait_until_succeeds(f"journalctl --no-pager {run} | grep -q refused")


    for remote in remotes:
        with case(f"{remote}: a backup creates the repository and comes back"):
            back_up(remote)
            back_up(remote)
            assert len(snapshots(remote)) == 2
            restore(remote, "--target", "/srv/remote")
            machine.succeed("grep -qx remote /srv/remote/var/lib/remote/note && rm -r /srv/remote")

        with case(f"{remote}: no secret is among the arguments, in the journal or in the plan"):
            before = held_run(remote)
            arguments = machine.succeed("ps -eww -o args")
            assert program in arguments, arguments
            assert_secret("the arguments", arguments)
            let_go()
            wait_for_run(remote, before)
            judged(remote, before, "success")
            assert_secret("the journal", machine.succeed("journalctl --sync && journalctl --no-pager --output cat"))
            assert_secret("the plan", machine.succeed(f"cat /etc/backupservice/plans/{remote}.json"))
            assert_secret("the unit", machine.succeed(f"systemctl cat {unit(remote)}"))

        if remote in patient:
            with case(f"{remote}: a server that is away is waited for, which can be seen"):
                take_away(remote)
                before = start_in_background(remote)
                wait_until_refused(remote)
                bring_back(remote)
                wait_for_run(remote, before)
                judged(remote, before, "success")

            with case(f"{remote}: a connection that breaks during the run is made again"):
                before = held_run(remote)
                take_away(remote)
                let_go()
                wait_until_refused(remote)
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
            before = held_run(remote)
            take_away(remote)
            let_go()
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
  '';
}
