# Small configurations that together have each kind of unit. What they become is beside
# this, for people to review: see CONTRIBUTING.md. The others are compared with
# local-restic, so that a change of what all have shows once.
let
  mkNode =
    { instance, settings }:
    {
      imports = [
        ../../modules
        settings
      ];

      backupservice.instances.app = {
        enable = true;
        user = "app";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
      }
      // instance;
      users.users.app = {
        isSystemUser = true;
        group = "app";
      };
      users.groups.app = { };
    };
in
{
  name = "golden";

  nodes.local-restic = mkNode {
    instance = { };
    settings = { };
  };

  nodes.remote-borg = mkNode {
    instance = {
      provider = "borg";
      excludePatterns = [ "*.tmp" ];
      repository = {
        path = "ssh://backup@host/srv/backup/app";
        passwordFile = "/run/agenix/backup-password";
        sshKeyFile = "/run/agenix/backup-ssh-key";
        sshKnownHostsFile = "/etc/ssh/ssh_known_hosts";
      };
    };
    settings = { };
  };

  nodes.hooks-and-streams = mkNode {
    instance = {
      quiesce.units = [ "app.service" ];
      hooks.beforeBackup = [
        {
          name = "export";
          command = "app-admin export /var/lib/app-export";
          credentials.dbpass = "/run/agenix/app-db";
          readWritePaths = [ "/var/lib/app-export" ];
        }
      ];
      streams.database = {
        dump = "pg_dump app";
        load = "psql app";
      };
    };
    settings.systemd.services.app.serviceConfig.ExecStart = "/run/current-system/sw/bin/app";
  };

  nodes.mount-point = mkNode {
    instance.repository.path = "/mnt/disk/backup";
    settings.fileSystems."/mnt/disk" = {
      device = "/dev/disk/by-label/backup";
      fsType = "ext4";
    };
  };

  nodes.notifications = mkNode {
    instance = { };
    settings = {
      backupservice = {
        notify.hooks.wall.command = "wall";
        notify.ping.app = {
          urlFile = "/run/agenix/ping";
          instances = [ "app" ];
        };
        notify.desktop.users = [ "alice" ];
        metrics.textfile = "/var/lib/backupservice-metrics/backupservice.prom";
      };
      users.users.alice.isNormalUser = true;
    };
  };

  testScript = "";
}
