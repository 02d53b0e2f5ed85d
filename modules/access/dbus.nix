# D-Bus and polkit configuration of `org.backupservice1`.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };

  user = layout.busUser;
  name = layout.busName;

  # Polkit actions, with what it shows when it asks for authentication.
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
    browse = {
      description = "Read files in the snapshots of a backup";
      message = "Authentication is required to read files in the snapshots of $(instance)";
    };
  };

  # D-Bus ignores policies for dynamic users, so this user is static.
  busPolicy = pkgs.writeTextDir "share/dbus-1/system.d/${name}.conf" ''
    <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
     "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig>
      <policy user="${user}">
        <allow own="${name}"/>
      </policy>
      <!-- Everybody may call; polkit decides who may change something. -->
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

  # Without the owner annotation, polkit refuses to answer the daemon about others.
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
  config = lib.mkIf (cfg.bus.enable && layout.enabled cfg.instances != { }) {
    services.dbus.packages = [
      busPolicy
      activation
    ];
    environment.systemPackages = [ polkitActions ];

    security.polkit.enable = true;
    security.polkit.extraConfig = ''
      // backupservice: active administrators may control backups over D-Bus, but not read them.
      polkit.addRule(function (action, subject) {
        if (
          ${
            builtins.toJSON (map (id: "${name}.${id}") (lib.remove "browse" (lib.attrNames actions)))
          }.indexOf(action.id) >= 0 &&
          subject.active &&
          subject.local &&
          subject.isInGroup("wheel")
        ) {
          return polkit.Result.YES;
        }
      });
    '';
  };
}
