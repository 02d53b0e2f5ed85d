# The instances on D-Bus, as `org.backupservice1`: a daemon that the bus starts when
# somebody asks, and what the bus and polkit have to know of it.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  inherit (lib) mkOption types;

  cfg = config.backupservice;
  layout = import ./layout.nix { inherit lib utils; };
  sandbox = import ./units/sandbox.nix { inherit lib; };

  user = "backupservice-bus";
  name = "org.backupservice1";

  enabled = lib.attrNames (lib.filterAttrs (_: instance: instance.enable) cfg.instances);
  units = suffixes: lib.concatMap (name: map (suffix: layout.prefix name + suffix) suffixes) enabled;

  # What polkit asks an administrator for, by the action's name.
  actions = {
    start = {
      description = "Start a backup";
      message = "Authentication is required to start the backup of $(instance)";
    };
    cancel = {
      description = "Cancel a backup";
      message = "Authentication is required to cancel the backup of $(instance)";
    };
    list-snapshots = {
      description = "List the snapshots of a backup";
      message = "Authentication is required to list the snapshots of $(instance)";
    };
  };

  # The bus ignores policies for users that come and go, so this one is static.
  busPolicy = pkgs.writeTextDir "share/dbus-1/system.d/${name}.conf" ''
    <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
     "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig>
      <policy user="${user}">
        <allow own="${name}"/>
      </policy>
      <!-- Anyone may ask; polkit says who may change something. -->
      <policy context="default">
        <allow send_destination="${name}"/>
      </policy>
    </busconfig>
  '';

  activation = pkgs.writeTextDir "share/dbus-1/system-services/${name}.service" ''
    [D-BUS Service]
    Name=${name}
    Exec=/bin/false
    User=${user}
    SystemdService=backupservice-bus.service
  '';

  # Without the owner, polkit would not tell the daemon what others may do.
  action = id: text: ''
    <action id="${name}.${id}">
      <description>${text.description}</description>
      <message>${text.message}</message>
      <defaults>
        <allow_any>auth_admin</allow_any>
        <allow_inactive>auth_admin</allow_inactive>
        <allow_active>auth_admin_keep</allow_active>
      </defaults>
      <annotate key="org.freedesktop.policykit.owner">unix-user:${user}</annotate>
    </action>
  '';

  polkitActions = pkgs.writeTextDir "share/polkit-1/actions/${name}.policy" ''
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
     "http://www.freedesktop.org/standards/PolicyKit/1.0/policyconfig.dtd">
    <policyconfig>
      <vendor>backupservice</vendor>
    ${lib.concatStrings (lib.mapAttrsToList action actions)}</policyconfig>
  '';
in
{
  options.backupservice.bus.enable = mkOption {
    type = types.bool;
    default = true;
    example = false;
    description = ''
      Whether instances are on D-Bus, as `org.backupservice1`, for desktops, dashboards and
      scripts. The daemon runs while a backup does, and while somebody asks. Anyone may
      look; active administrators (of the group `wheel`) may start and cancel backups and
      list snapshots, and others are asked for an administrator's password.
    '';
  };

  config = lib.mkIf (cfg.bus.enable && enabled != [ ]) {
    users.users.${user} = {
      isSystemUser = true;
      group = user;
      description = "Shows backups on D-Bus";
    };
    users.groups.${user} = { };

    services.dbus.packages = [
      busPolicy
      activation
    ];
    environment.systemPackages = [ polkitActions ];

    # Where its files will be, for the daemon to watch.
    systemd.tmpfiles.rules = [
      "d /run/backupservice 0755 root root - -"
      "d /var/lib/backupservice 0755 root root - -"
    ];

    systemd.services = {
      backupservice-bus = {
        description = "Backups on D-Bus";
        documentation = [ "man:backupservice(1)" ];
        environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
        # Whoever asks again and again has a reason.
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.base
          // sandbox.network { isLocal = true; }
          // sandbox.capabilities [ ]
          // {
            Type = "dbus";
            # It holds nothing that would need more.
            TimeoutStopSec = "10s";
            BusName = name;
            User = user;
            Group = user;
            ExecStart = utils.escapeSystemdExecArgs [
              (lib.getExe' cfg.package "backupservice")
              "bus"
            ];
            ProtectSystem = "strict";
            ProtectHome = true;
            PrivateUsers = true;
            # The repositories of this machine are nothing that it needs.
            InaccessiblePaths = sandbox.optional [ layout.secretsDirectory ];
          };
      };
    }
    # So that nobody who looks on misses a run that a timer starts.
    //
      lib.genAttrs
        (units [
          ""
          "-maintain"
        ])
        (_: {
          wants = [ "backupservice-bus.service" ];
        });

    security.polkit.enable = true;
    security.polkit.extraConfig = ''
      // backupservice: active administrators may steer backups over D-Bus, and the daemon
      // there may do what they ask for.
      (function () {
        var start = ${
          builtins.toJSON (units [
            ".service"
            "-snapshots.service"
          ])
        };
        var stop = ${
          builtins.toJSON (units [
            ".service"
            "-maintain.service"
          ])
        };
        var actions = ${builtins.toJSON (map (id: "${name}.${id}") (lib.attrNames actions))};
        polkit.addRule(function (action, subject) {
          if (
            actions.indexOf(action.id) >= 0 &&
            subject.active &&
            subject.local &&
            subject.isInGroup("wheel")
          ) {
            return polkit.Result.YES;
          }
          if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "${user}") {
            var allowed = { start: start, stop: stop }[action.lookup("verb")] || [];
            if (allowed.indexOf(action.lookup("unit")) >= 0) {
              return polkit.Result.YES;
            }
          }
        });
      })();
    '';
  };
}
