# Notifications about backups that fail, are overdue, or work again, and metrics.
{ lib, ... }:
let
  inherit (lib) mkOption literalExpression types;
  inherit (import ../../contracts/types.nix { inherit lib; }) externalPath;

  instances = mkOption {
    type = types.nullOr (types.listOf types.str);
    default = null;
    example = [ "nextcloud" ];
    description = "Instances to send notifications about. `null`: all.";
  };

  urlFile =
    description: example:
    mkOption {
      type = externalPath;
      inherit description example;
    };

  appriseChannel = types.submodule {
    options = {
      inherit instances;
      urlFile = urlFile ''
        File with the URLs of the notification services, one per line, such as
        `ntfys://ntfy.sh/my-topic`. Only root needs to be able to read it.
      '' "/run/agenix/notify-phone";
    };
  };

  pingChannel = types.submodule {
    options = {
      inherit instances;
      urlFile = urlFile ''
        File with the URL to request, such as `https://hc-ping.com/your-uuid`. Only root
        needs to be able to read it.
      '' "/run/agenix/ping-nextcloud";
    };
  };

  hook = types.submodule {
    options = {
      inherit instances;
      command = mkOption {
        type = types.lines;
        example = "jq -r .title | wall";
        description = ''
          Shell text that reads the event as a JSON object on its standard input: `kind`
          (`failed`, `incomplete`, `recovered`, `cleanup-failed`, `cleaned-up`, `maintenance-failed`,
          `maintenance-recovered`, `maintenance-overdue`, `overdue`, `in-time`, `clock-wrong`,
          `clock-right`, `unreadable`, `readable`, `summary`), `instance` (empty if the event concerns the
          machine), `title`, `message`, `remedy`,
          `detailsCommand` (a command that shows details), `time`, and `record` (the record of the run or
          of the maintenance). If the command fails, it is retried later.
        '';
      };
      user = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "alice";
        description = "User that runs the command. `null`: a dynamic user that exists only while it runs.";
      };
      timeout = mkOption {
        type = types.str;
        default = "1min";
        example = "5min";
        description = "Maximum run time: a time span, see {manpage}`systemd.time(7)`. After it the command is stopped and counts as failed.";
      };
      path = mkOption {
        type = types.listOf (
          types.oneOf [
            types.package
            types.str
          ]
        );
        default = [ ];
        example = literalExpression "[ pkgs.jq ]";
        description = ''
          Packages whose programs the command finds in its `PATH`, besides those of coreutils,
          findutils, grep, sed, systemd and util-linux.
        '';
      };
      readWritePaths = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "/var/lib/alarm" ];
        description = ''
          Absolute paths that the command may write to, if its `user` may. Everything else
          is read-only.
        '';
      };
      network = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether the command has network access beyond this machine.";
      };
      credentials = mkOption {
        type = types.attrsOf externalPath;
        default = { };
        example = {
          token = "/run/agenix/chat-token";
        };
        description = ''
          Files with secrets for the command, by name. It reads a copy at
          `$CREDENTIALS_DIRECTORY/<name>`.
        '';
      };
    };
  };
in
{
  options.backupservice.notify = {
    grace = mkOption {
      type = types.str;
      default = "1h";
      example = "6h";
      description = ''
        Time after which a scheduled backup that has not succeeded is overdue: a time span,
        see {manpage}`systemd.time(7)`, added to `schedule`, `randomizedDelay`, and the
        duration of the longest recent run. Time during which the machine was off or asleep
        does not count. The default is a little longer than all retries of a transient
        failure take.
      '';
    };

    apprise = mkOption {
      type = types.attrsOf appriseChannel;
      default = { };
      example = literalExpression ''
        { phone.urlFile = config.age.secrets.notify-phone.path; }
      '';
      description = ''
        Notification services to notify with [Apprise](https://github.com/caronc/apprise),
        which supports more than a hundred: mail, chat, push messages to phones.
      '';
    };

    ping = mkOption {
      type = types.attrsOf pingChannel;
      default = { };
      example = literalExpression ''
        {
          nextcloud = {
            urlFile = config.age.secrets.ping-nextcloud.path;
            instances = [ "nextcloud" ];
          };
        }
      '';
      description = ''
        URLs to request after each backup, for services such as healthchecks.io, which raise
        an alarm when the requests stop, also when the whole machine is gone. The URL itself is
        requested while all of the channel's instances are well, otherwise with `/fail`
        appended.
      '';
    };

    hooks = mkOption {
      type = types.attrsOf hook;
      default = { };
      example = literalExpression ''
        {
          wall = {
            command = "jq -r .title | wall";
            path = [ pkgs.jq ];
          };
        }
      '';
      description = "Commands to run for each event, each as a systemd unit of its own.";
    };

    desktop.users = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = ''
        Users to notify on their desktop, with the notification service of the desktop. After
        login they also see earlier problems that still persist.
      '';
    };
  };

  options.backupservice.metrics.textfile = mkOption {
    type = types.nullOr externalPath;
    default = null;
    example = "/var/lib/backupservice-metrics/backupservice.prom";
    description = ''
      File to write metrics to after each run and every 15 minutes, for the textfile
      collector of Prometheus's node_exporter; pass its directory to
      `--collector.textfile.directory`. The name must end in `.prom`. `null`: no metrics.
      **The directory is created and given to the user `backupservice-notify`**: use one
      that nothing else writes to.
    '';
  };
}
