# Checks of each instance by itself.
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

  hasMiddleSlash =
    pattern:
    lib.hasInfix "/" (lib.removeSuffix "/" pattern)
    && !lib.hasPrefix "/" pattern
    && !lib.hasPrefix "**/" pattern;

  checkSource =
    field: instance: source:
    let
      repository = instance.repository.path;
      isLocal = layout.isLocal instance && isNormal repository;
      path = if source == "/" then source else lib.removeSuffix "/" source;
    in
    [
      (refuseIf (!isNormal path) ''
        ${field}.sourceDirectories: "${source}" is not an absolute path without "." and "..".
        Which directory it names would depend on where the backup runs.
        Write the full path, such as "/var/lib/myservice".
      '')
      (refuseIf (path == "/") ''
        ${field}.sourceDirectories: "/" is the whole machine.
        The backup would include everything, also /proc and the repository itself.
        List the directories that contain state, such as "/home" and "/var/lib".
      '')
      (refuseIf (!isMountable path) ''
        ${field}.sourceDirectories: "${source}" contains a quotation mark, a backslash or a control character.
        systemd (257) cannot mount such a path into the unit that runs the backup.
        Use its parent directory, or rename it.
      '')
      (refuseIf (isLocal && path != "/" && layout.isWithin path repository) ''
        ${field}.repository.path: "${repository}" lies inside the source "${source}".
        Each backup would contain all earlier ones, and would be lost together with its source.
        Put the repository elsewhere, preferably on another disk.
      '')
      (refuseIf (isLocal && path != repository && layout.isWithin repository path) ''
        ${field}.sourceDirectories: "${source}" lies inside the repository "${repository}".
        A repository must not contain anything but snapshots.
        Use a separate directory for the repository.
      '')
    ];

  checkHooks =
    field: name: instance: kind:
    lib.concatMap (
      hook:
      map (
        path:
        refuseIf (!(isNormal path && isMountable path)) ''
          ${field}.hooks.${kind}: "${path}" in readWritePaths of the hook "${hook.name}" is not an absolute path without ".", "..", quotation marks, backslashes and control characters.
          systemd would not start the hook.
          Write the full path, such as "/${lib.removePrefix "/" path}".
        ''
      ) hook.readWritePaths
    ) (layout.hooks name instance kind);

  checkInstance =
    name: instance:
    let
      field = "backupservice.instances.${name}";
    in
    [
      (refuseUnsafeName "backupservice.instances" name)
      (refuseIf (instance.sourceDirectories == [ ]) ''
        ${field}.sourceDirectories: the list is empty.
        A backup of nothing would succeed every day.
        List at least one directory, such as "/var/lib/${name}".
      '')
    ]
    ++ map (refuseUnsafeName "${field}.streams") (lib.attrNames instance.streams)
    ++ lib.concatMap (checkSource field instance) instance.sourceDirectories
    ++ lib.concatMap (checkHooks field name instance) (lib.attrNames layout.hookInfixes)
    ++ map (
      user:
      refuseIf (!identity.exists user) ''
        ${field}: the user "${user}" exists neither in users.users nor as the DynamicUser of a service.
        A hook could not run as that user.
        Correct the name, or add users.users.${user}.
      ''
    ) (layout.users name instance)
    ++ map (
      pattern:
      refuseIf (lib.hasPrefix "!" pattern) ''
        ${field}.excludePatterns: "${pattern}" starts with "!".
        Providers disagree on how to include something again.
        Exclude less instead, or write "\${pattern}" for a name that starts with "!".
      ''
    ) instance.excludePatterns
    ++ map (
      pattern:
      refuseIf (hasMiddleSlash pattern) ''
        ${field}.excludePatterns: "${pattern}" contains a "/" but does not start with one.
        Providers disagree on where such a path starts.
        Write "**/${pattern}" for any depth, or an absolute path.
      ''
    ) instance.excludePatterns;

  remote = lib.filterAttrs (_: instance: !layout.isLocal instance) (layout.enabled cfg.instances);
in
{
  assertions = lib.concatLists (lib.mapAttrsToList checkInstance (layout.enabled cfg.instances));

  # NixOS's default name, which every machine has that was not given another one.
  warnings = lib.optional (cfg.host == "nixos" && remote != { }) ''
    backupservice.host: the name of this machine is "nixos", and the repository of ${lib.concatStringsSep ", " (lib.attrNames remote)} is not on it.
    Another machine with that name and the same repository would take our snapshots for its own, and forget them.
    Set networking.hostName or backupservice.host to a name that no other machine has.
  '';
}
