# Who is told when a backup fails, is overdue, or works again.
{ lib, ... }:
let
  inherit (lib) mkOption literalExpression types;
  inherit (import ../../contracts/types.nix { inherit lib; }) externalPath;

  instances = mkOption {
    type = types.nullOr (types.listOf types.str);
    default = null;
    example = [ "nextcloud" ];
    description = "Instances whose news go there; null for all.";
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
        File with the URL of the service, such as `ntfys://ntfy.sh/my-topic`; several go on a
        line each. Only root has to be able to read it.
      '' "/run/agenix/notify-phone";
    };
  };

  pingChannel = types.submodule {
    options = {
      inherit instances;
      urlFile = urlFile ''
        File with the URL to request, such as `https://hc-ping.com/your-uuid`. Only root has to
        be able to read it.
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
          Shell text. On its standard input is a JSON object with what happened: `kind`
          (`failed`, `incomplete`, `recovered`, `cleanup-failed`, `maintenance-failed`,
          `maintenance-recovered`, `overdue`, `in-time`), `instance`, `title`, `text`, `remedy`,
          `look` (a command that shows more), `time`, and `record`: the record of the run or
          maintenance. Where it fails, it is tried again later.
        '';
      };
      user = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "alice";
        description = "Who runs it; null for a user of its own, that exists only meanwhile.";
      };
      timeout = mkOption {
        type = types.str;
        default = "1min";
        example = "5min";
        description = "After what time it has failed, as systemd writes time spans.";
      };
      network = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether it may reach other machines.";
      };
      credentials = mkOption {
        type = types.attrsOf externalPath;
        default = { };
        example = {
          token = "/run/agenix/chat-token";
        };
        description = ''
          Files of secrets, by the name under which the command finds them in
          `$CREDENTIALS_DIRECTORY`.
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
        How long after its schedule, and the `randomizedDelay` of that, a backup without a success
        is overdue, as systemd writes time spans. To this is added as much as the longest of
        its last runs took, and time in which the machine was off or asleep does not count. The
        default is a little longer than what may pass by itself is tried again.
      '';
    };

    apprise = mkOption {
      type = types.attrsOf appriseChannel;
      default = { };
      example = literalExpression ''
        { phone.urlFile = config.age.secrets.notify-phone.path; }
      '';
      description = ''
        Services that are told by [Apprise](https://github.com/caronc/apprise), which knows more
        than a hundred of them: mail, chats, push messages to phones.
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
        URLs that are requested after each backup, as services such as healthchecks.io expect
        it, which then miss this machine when it is gone altogether: the URL itself while all
        is well with all of its instances, and with `/fail` appended while it is not.
      '';
    };

    hooks = mkOption {
      type = types.attrsOf hook;
      default = { };
      example = literalExpression ''
        {
          wall.command = "''${lib.getExe pkgs.jq} -r .title | wall";
        }
      '';
      description = "Commands that are run for each thing that happens, as units of their own.";
    };

    desktop.users = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = ''
        Users who see on their desktop what happened, also what did before they logged in and is
        still so. Whatever shows notifications there is used.
      '';
    };
  };

  options.backupservice.metrics.textfile = mkOption {
    type = types.nullOr externalPath;
    default = null;
    example = "/var/lib/backupservice-metrics/backupservice.prom";
    description = ''
      File for the textfile collector of Prometheus's node_exporter, which is told of its
      directory by `--collector.textfile.directory`. It is written after each run and every
      quarter of an hour. **Its directory is made, and given to the user
      `backupservice-notify`**: let it be one of its own.
    '';
  };
}
