# What is refused of an instance.
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

  # user:password@ after the scheme of a URL.
  holdsPassword = url: builtins.match ".*://[^/@]*:[^/@]*@.*" url != null;

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
        Which directory is meant would depend on where the backup runs.
        Write it in full, such as "/var/lib/myservice".
      '')
      (refuseIf (path == "/") ''
        ${field}.sourceDirectories: "/" is the whole machine.
        A backup sees only what is declared, and that would take everything in, /proc and the repository too.
        List the directories that hold state, such as "/home" and "/var/lib".
      '')
      (refuseIf (!isMountable path) ''
        ${field}.sourceDirectories: "${source}" has a quotation mark, a backslash or a control character in its name.
        systemd (257) cannot show such a path to the unit that makes the backup.
        Name the directory that holds it, or rename it.
      '')
      (refuseIf (isLocal && path != "/" && layout.isWithin path repository) ''
        ${field}.repository.path: "${repository}" lies inside the source "${source}".
        Each backup would contain all earlier ones, and be lost together with its source.
        Put the repository elsewhere, best on another disk.
      '')
      (refuseIf (isLocal && path != repository && layout.isWithin repository path) ''
        ${field}.sourceDirectories: "${source}" lies inside the repository "${repository}".
        A repository holds nothing but snapshots.
        Give the repository a directory of its own.
      '')
    ];

  checkInstance =
    name: instance:
    let
      field = "backupservice.instances.${name}";
      inherit (instance) repository;
    in
    [
      (refuseIf (builtins.match "[a-zA-Z0-9_][a-zA-Z0-9_.-]*" name == null) ''
        ${field}: the name has characters other than letters, digits, "_", "." and "-".
        It becomes part of unit names and paths.
        Choose another name.
      '')
      (refuseIf (instance.sourceDirectories == [ ]) ''
        ${field}.sourceDirectories: the list is empty.
        A backup of nothing would succeed every day.
        Name at least one directory, such as "/var/lib/${name}".
      '')
      (refuseIf (repository.path == null && repository.pathFile == null) ''
        ${field}.repository.path: is not set, and neither is repository.pathFile.
        There is no place to keep the snapshots.
        Set repository.path = "/srv/backup/${name}", a URL, or backupservice.defaults.repository.path.
      '')
      (refuseIf (repository.path != null && repository.pathFile != null) ''
        ${field}.repository.path: is set, and so is repository.pathFile.
        It is unclear which of them names the repository.
        Remove one; where the path comes from backupservice.defaults, set repository.path = null.
      '')
    ]
    ++ lib.optionals (repository.path != null) [
      (refuseIf (!layout.isUrl repository.path && !isNormal repository.path) ''
        ${field}.repository.path: "${repository.path}" is neither an absolute path nor a URL.
        Where the snapshots are kept would depend on where the backup runs.
        Write it in full, such as "/srv/backup/${name}" or "sftp:backup@host:/srv/backup".
      '')
      (refuseIf (!layout.isUrl repository.path && !isMountable repository.path) ''
        ${field}.repository.path: "${repository.path}" has a quotation mark, a backslash or a control character in its name.
        systemd (257) cannot show such a path to the unit that makes the backup.
        Choose another directory.
      '')
      (refuseIf (layout.isUrl repository.path && holdsPassword repository.path) ''
        ${field}.repository.path: the URL has a password in it.
        The path is written to the Nix store, which everybody can read.
        Put the URL into a file and set repository.pathFile, or pass the password in repository.environmentFile.
      '')
      (refuseIf (lib.hasPrefix "${builtins.storeDir}/" repository.path) ''
        ${field}.repository.path: "${repository.path}" is in the Nix store.
        The store is read-only.
        Choose a directory outside, such as "/srv/backup/${name}".
      '')
    ]
    ++ lib.concatMap (checkSource field instance) instance.sourceDirectories
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
        Taking something back in has no common meaning among providers.
        Exclude less instead, or write "\${pattern}" for a name that starts so.
      ''
    ) instance.excludePatterns
    ++ map (
      pattern:
      refuseIf (hasMiddleSlash pattern) ''
        ${field}.excludePatterns: "${pattern}" has a "/" and does not start with one.
        Providers disagree on where such a path begins.
        Write "**/${pattern}" for any depth, or an absolute path.
      ''
    ) instance.excludePatterns;
in
{
  assertions = lib.concatLists (lib.mapAttrsToList checkInstance (layout.enabled cfg.instances));
}
