# The warnings of a typical system: only those that are meant.
{ lib, evalNixos, ... }:
let
  inherit (import ./common { inherit lib evalNixos; }) good;

  warningsOf = modules: (evalNixos modules).config.warnings;
in
{
  "a typical system prints only the warning about its generated password" = {
    expr = warningsOf [
      {
        backupservice = {
          instances = {
            local = good;
            with-password = lib.recursiveUpdate good {
              repository.path = "/srv/backup/with-password";
              repository.passwordFile = "/run/agenix/backup";
            };
            remote = lib.recursiveUpdate good {
              repository.path = "sftp:backup@host:/srv/backup";
              repository.passwordFile = "/run/agenix/backup";
              repository.sshKeyFile = "/run/agenix/key";
              repository.sshKnownHostsFile = "/etc/ssh/ssh_known_hosts";
            };
            mirror = lib.recursiveUpdate good {
              provider = "borg";
              repository.path = "ssh://backup@host/srv/mirror";
              repository.passwordFile = "/run/agenix/backup";
              repository.sshKeyFile = "/run/agenix/key";
              repository.sshKnownHostsFile = "/etc/ssh/ssh_known_hosts";
            };
          };
          notify = {
            apprise.phone.urlFile = "/run/agenix/phone";
            hooks.wall.command = "wall";
          };
          metrics.textfile = "/var/lib/backupservice-metrics/backupservice.prom";
        };
      }
    ];
    expected = [
      ''
        backupservice: the password of the repository /srv/backup/x is generated into /var/lib/backupservice-secrets/srv-backup-x.
        Without the password nobody can read the backup, and it is lost together with this machine.
        Keep a copy elsewhere, or set repository.passwordFile.
      ''
    ];
  };

  "a system without backups prints none" = {
    expr = warningsOf [ ];
    expected = [ ];
  };
}
