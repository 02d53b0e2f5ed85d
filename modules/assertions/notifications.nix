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
    refuseUnsafeName
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
      (refuseUnsafeName "backupservice.notify.${kind}" name)
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
    )
    ++ map (
      path:
      refuseIf (!(isNormal path && isMountable path)) ''
        ${field}.readWritePaths: "${path}" is not an absolute path without ".", "..", quotation marks, backslashes and control characters.
        systemd would not start the hook.
        Write the full path, such as "/${lib.removePrefix "/" path}".
      ''
    ) (channel.readWritePaths or [ ]);

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

  # Directories that belong to somebody else.
  isShared =
    directory:
    lib.elem directory (
      [
        "/dev/shm"
        "/etc"
        "/home"
        "/nix"
        "/opt"
        "/root"
        "/run"
        "/srv"
        "/tmp"
        "/usr"
        "/var"
        "/var/cache"
        "/var/lib"
        "/var/log"
        "/var/tmp"
      ]
      ++ lib.mapAttrsToList (_: user: user.home) config.users.users
      ++ lib.concatMap (
        service:
        map (name: "/var/lib/${name}") (
          lib.concatMap (lib.splitString " ") (lib.toList (service.serviceConfig.StateDirectory or [ ]))
        )
      ) (lib.attrValues config.systemd.services)
      ++ lib.concatMap layout.sources (lib.attrValues enabled)
    );

  checkMetrics =
    let
      inherit (cfg.metrics) textfile;
      directory = dirOf textfile;
    in
    lib.optionals (textfile != null) [
      (refuseIf (!isNormal textfile || !isMountable textfile || dirOf textfile == "/") ''
        backupservice.metrics.textfile: "${textfile}" is not an absolute path of a file in a directory of its own.
        The directory is created, and given to the user that writes the file.
        Write the full path, such as "/var/lib/backupservice-metrics/backupservice.prom".
      '')
      (refuseIf (isShared directory) ''
        backupservice.metrics.textfile: the directory "${directory}" of "${textfile}" is used by others.
        It would be given to the user backupservice-notify, and nobody else could write to it.
        Write to a directory of its own, such as "/var/lib/backupservice-metrics/backupservice.prom".
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
