# Checks of notification channels and metrics.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.backupservice;

  inherit (import ./common.nix { inherit config lib utils; })
    layout
    identity
    refuseIf
    isNormal
    isMountable
    ;

  enabled = layout.enabled cfg.instances;

  checkChannel =
    kind: name: channel:
    let
      field = "backupservice.notify.${kind}.${name}";
    in
    [
      (refuseIf (builtins.match "[a-zA-Z0-9_][a-zA-Z0-9_.-]*" name == null) ''
        ${field}: the name contains characters other than letters, digits, "_", "." and "-", or starts with one of the last two.
        It is used in the names of units and files.
        Choose another name.
      '')
    ]
    ++ map (
      instance:
      refuseIf (!enabled ? ${instance}) ''
        ${field}.instances: there is no enabled instance "${instance}".
        No notification about it would ever be sent.
        Choose from ${lib.concatStringsSep ", " (lib.attrNames enabled)}.
      ''
    ) (if channel.instances == null then [ ] else channel.instances)
    ++ lib.optional (channel.user or null != null) (
      refuseIf (!identity.exists channel.user) ''
        ${field}.user: the user "${channel.user}" exists neither in users.users nor as the DynamicUser of a service.
        The hook could not run as that user.
        Correct the name, or add users.users.${channel.user}.
      ''
    );

  checkNotify =
    lib.concatLists (
      lib.mapAttrsToList (checkChannel "apprise") cfg.notify.apprise
      ++ lib.mapAttrsToList (checkChannel "ping") cfg.notify.ping
      ++ lib.mapAttrsToList (checkChannel "hooks") cfg.notify.hooks
    )
    ++ map (
      user:
      refuseIf (!config.users.users ? ${user}) ''
        backupservice.notify.desktop.users: there is no user "${user}".
        Nobody would see the notifications.
        Correct the name, or add users.users.${user}.
      ''
    ) cfg.notify.desktop.users;

  checkMetrics =
    let
      inherit (cfg.metrics) textfile;
    in
    lib.optionals (textfile != null) [
      (refuseIf (!isNormal textfile || !isMountable textfile || dirOf textfile == "/") ''
        backupservice.metrics.textfile: "${textfile}" is not an absolute path of a file in a directory of its own.
        The directory is created, and given to the user that writes the file.
        Write the full path, such as "/var/lib/backupservice-metrics/backupservice.prom".
      '')
      (refuseIf (!lib.hasSuffix ".prom" textfile) ''
        backupservice.metrics.textfile: "${textfile}" does not end in ".prom".
        node_exporter ignores all other files.
        Write "${textfile}.prom".
      '')
    ];
in
{
  assertions = lib.optionals (enabled != { }) (checkNotify ++ checkMetrics);
}
