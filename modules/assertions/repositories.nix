# Checks of repositories: each by itself, and whether they are in each other's way.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;

  inherit (import ./common.nix { inherit config lib utils; })
    layout
    refuseIf
    isNormal
    isMountable
    ;
  providers = import ../providers.nix { inherit lib pkgs; };

  enabled = layout.enabled cfg.instances;

  # user:password@ after the scheme of a URL.
  holdsPassword = url: builtins.match ".*://[^/@]*:[^/@]*@.*" url != null;

  isUnderstood =
    provider: url:
    lib.any (pattern: builtins.match pattern url != null) (lib.attrValues providers.${provider}.urls);

  checkPath =
    name:
    { provider, repository, ... }@instance:
    let
      field = "backupservice.instances.${name}.repository";
      inherit (repository) path;
      isUrl = layout.isUrl path;
    in
    [
      (refuseIf (!isUrl && !isNormal path) ''
        ${field}.path: "${path}" is neither an absolute path nor a URL.
        Where the snapshots are stored would depend on where the backup runs.
        Write the full path or URL, such as "/srv/backup/${name}" or "sftp:backup@host:/srv/backup".
      '')
      (refuseIf (!isUrl && !isMountable path) ''
        ${field}.path: "${path}" contains a quotation mark, a backslash or a control character.
        systemd (257) cannot mount such a path into the unit that runs the backup.
        Choose another directory.
      '')
      (refuseIf (isUrl && holdsPassword path) ''
        ${field}.path: the URL contains a password.
        It would be written to the Nix store, which all users can read.
        Put the URL into a file and set repository.pathFile, or set the password in repository.environmentFile.
      '')
      (refuseIf (isUrl && !holdsPassword path && !isUnderstood provider path) ''
        ${field}.path: ${provider} does not understand the URL "${path}".
        No backup would ever succeed.
        Write an absolute path or a URL such as ${
          lib.concatStringsSep ", " (lib.attrNames providers.${provider}.urls)
        }; or choose another provider.
      '')
      (refuseIf (lib.hasPrefix "${builtins.storeDir}/" path) ''
        ${field}.path: "${path}" is in the Nix store.
        The store is read-only.
        Choose a directory outside, such as "/srv/backup/${name}".
      '')
      (refuseIf (isRemovable path && layout.mountPoint config instance == null) ''
        ${field}.path: nothing is known to be mounted above "${path}".
        While the disk is missing, backups would go to the file system below its mount point.
        Declare the mount in fileSystems, set repository.mountPoint to its mount point, or choose a path outside of /mnt, /media and /run/media.
      '')
    ];

  isOverSsh = path: lib.hasPrefix "sftp:" path || lib.hasPrefix "ssh://" path;

  # ssh asks nobody, neither for a password nor about a host.
  checkSsh = field: repository: [
    (refuseIf (repository.sshKeyFile == null) ''
      ${field}.sshKeyFile: is not set, and the repository "${repository.path}" is accessed over SSH.
      ssh could not log in: nobody is there to type a password.
      Make a key with `ssh-keygen -t ed25519`, allow it on the server, and set repository.sshKeyFile to the private key.
    '')
    (refuseIf (repository.sshKnownHostsFile == null && config.programs.ssh.knownHosts == { }) ''
      ${field}.sshKnownHostsFile: is not set, programs.ssh.knownHosts is empty, and the repository "${repository.path}" is accessed over SSH.
      ssh would refuse a server whose host key nobody has confirmed.
      Add the key that `ssh-keyscan` prints and the server's administrator confirms to programs.ssh.knownHosts, or to a file in repository.sshKnownHostsFile.
    '')
  ];

  # Where disks are mounted that may be missing.
  isRemovable =
    path:
    lib.any (parent: layout.isWithin parent path) [
      "/mnt"
      "/media"
      "/run/media"
    ];

  checkMountPoint =
    name: instance:
    let
      field = "backupservice.instances.${name}.repository.mountPoint";
      inherit (instance.repository) path mountPoint;
      isLocal = layout.isLocal instance;
    in
    [
      (refuseIf (isLocal && !(isNormal mountPoint && isMountable mountPoint)) ''
        ${field}: "${mountPoint}" is not an absolute path without "." and "..".
        Which mount point it names would depend on where the backup runs.
        Write the full path, such as "/mnt/backup-disk".
      '')
      (refuseIf (isLocal && isNormal mountPoint && !layout.isWithin mountPoint path) ''
        ${field}: "${mountPoint}" is not above the repository "${path}".
        The backup could not tell whether the disk of the repository is there.
        Set it to the mount point that the repository is on, or to null if it comes from backupservice.defaults.
      '')
      (refuseIf (!isLocal) ''
        ${field}: "${mountPoint}" is set, but the repository is not a path on this machine.
        A mount point has no meaning for it.
        Set it to null, or repository.path to a path below it.
      '')
    ];

  # A reboot empties them.
  isEphemeral = lib.elem (layout.mountAbove config layout.secretsDirectory).type [
    "tmpfs"
    "ramfs"
  ];

  checkInstance =
    name: instance:
    let
      field = "backupservice.instances.${name}.repository";
      inherit (instance.repository) path pathFile mountPoint;
    in
    [
      (refuseIf (path == null && pathFile == null) ''
        ${field}: neither path nor pathFile is set.
        Without a repository, there is no place for the snapshots.
        Set repository.path = "/srv/backup/${name}", a URL, or backupservice.defaults.repository.path.
      '')
      (refuseIf (path != null && pathFile != null) ''
        ${field}: both path and pathFile are set.
        Only one of them can name the repository.
        Remove one. If the path comes from backupservice.defaults, set repository.path = null.
      '')
      (refuseIf (layout.generatesPassword instance && isEphemeral) ''
        ${field}.passwordFile: is not set, and the generated password would be in ${layout.secretsDirectory}, which a reboot empties.
        Without the password nobody can read the backups.
        Set repository.passwordFile, or keep ${layout.secretsDirectory} on a disk, for example with a bind mount in fileSystems.
      '')
    ]
    ++ lib.optionals (path != null) (checkPath name instance)
    ++ lib.optionals (path != null && isOverSsh path && isUnderstood instance.provider path) (
      checkSsh field instance.repository
    )
    ++ lib.optionals (mountPoint != null) (checkMountPoint name instance);

  # Local repositories by path, each with its instances.
  local = lib.groupBy (entry: entry.path) (
    lib.mapAttrsToList (name: instance: {
      inherit name;
      inherit (instance) provider;
      inherit (instance.repository) path;
      passwordFile = layout.passwordFile instance;
    }) (lib.filterAttrs (_: layout.isLocal) enabled)
  );

  # All instances of one repository must use it in the same way as the first.
  checkShared =
    path: entries:
    let
      first = lib.head entries;
      checkOther =
        other:
        if other.provider != first.provider then
          refuseIf true ''
            backupservice.instances: ${first.name} and ${other.name} have the same repository "${path}" under different providers, ${first.provider} and ${other.provider}.
            Only the provider that creates a repository can read it, so one of the backups would never succeed.
            Choose another repository.path or the same provider for one of them.
          ''
        else
          refuseIf (other.passwordFile != first.passwordFile) ''
            backupservice.instances: ${first.name} and ${other.name} have the same repository "${path}" under different passwords, in ${first.passwordFile} and ${other.passwordFile}.
            A repository is created with one password, so one of the backups would never succeed.
            Set the same repository.passwordFile for both, or choose another repository.path for one of them.
          '';
    in
    map checkOther (lib.tail entries);

  parents =
    path:
    let
      parent = dirOf path;
    in
    lib.optionals (isNormal path && parent != "/") ([ parent ] ++ parents parent);

  checkNested =
    path: entries:
    map (
      parent:
      refuseIf (local ? ${parent}) ''
        backupservice.instances: the repository "${path}" of ${(lib.head entries).name} lies inside the repository "${parent}" of ${
          (lib.head local.${parent}).name
        }.
        A repository must not contain anything but snapshots: checking or deleting one would touch the other.
        Choose another repository.path for one of them.
      ''
    ) (parents path);
in
{
  assertions = lib.concatLists (
    lib.mapAttrsToList checkInstance enabled
    ++ lib.mapAttrsToList checkShared local
    ++ lib.mapAttrsToList checkNested local
  );
}
