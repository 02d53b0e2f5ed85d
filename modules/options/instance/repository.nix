# Where the snapshots are kept, and with which secrets.
{
  lib,
  name,
  defaults,
  default,
}:
let
  inherit (lib) mkOption literalExpression types;
  inherit (import ../../../contracts/types.nix { inherit lib; }) externalPath publicPath;

  withoutSlash = lib.removeSuffix "/";

  mkFileOption =
    field: args:
    mkOption ({ type = types.nullOr externalPath; } // default [ "repository" field ] null // args);
in
{
  path = mkOption {
    type = types.nullOr types.str;
    apply =
      path: if path != null && lib.hasPrefix "/" path && path != "/" then withoutSlash path else path;
    default =
      if defaults == null || defaults.repository.path == null then
        null
      else if defaults.repository.shared then
        defaults.repository.path
      else
        "${withoutSlash defaults.repository.path}/${name}";
    defaultText = literalExpression ''"''${config.backupservice.defaults.repository.path}/<name>"'';
    example = "/srv/backup/myservice";
    description = ''
      Location of the repository: an absolute path on this machine, or a URL of the
      provider, such as `sftp:backup@host:/srv/backup` or `b2:my-bucket:myservice`
      for restic, and `ssh://backup@host/srv/backup` for borg. All users of this
      machine can read it; put a URL that contains a password into
      `repository.pathFile`.
    '';
  };
  mountPoint = mkOption (
    {
      type = types.nullOr types.str;
      example = "/mnt/backup-disk";
      description = ''
        Absolute path of the mount point that a local repository is on. While nothing is
        mounted there, backups fail instead of writing to the file system below. `null`:
        the deepest mount point above the repository in `fileSystems` and
        `systemd.mounts`. Required for a repository below `/mnt`, `/media` or `/run/media`
        whose mount is not declared in either of them.
      '';
    }
    // default [ "repository" "mountPoint" ] null
  );
  pathFile = mkFileOption "pathFile" {
    example = "/run/agenix/backup-repository";
    description = ''
      File that contains the URL of a repository on another machine, if the URL is secret.
      Replaces `repository.path`, which is required for a repository on this machine.
    '';
  };
  passwordFile = mkFileOption "passwordFile" {
    example = "/run/agenix/backup-password";
    description = ''
      File that contains the password of the repository. `null`: a password is
      generated once per repository, in `/var/lib/backupservice-secrets`: at boot, or
      with the first backup if the repository is on a mount or on another machine, which is
      asked first whether it exists. **Keep a copy of it on
      another machine**: without the password, nobody can read the backup.
    '';
  };
  environmentFile = mkFileOption "environmentFile" {
    example = "/run/agenix/backup-environment";
    description = ''
      File with environment variables for the provider, such as `B2_ACCOUNT_ID`. Hooks
      do not get them. For the syntax, see `EnvironmentFile=` in
      {manpage}`systemd.exec(5)`.
    '';
  };
  sshKeyFile = mkFileOption "sshKeyFile" {
    example = "/run/agenix/backup-ssh-key";
    description = ''
      File with the private key for a repository that is accessed over SSH. Required for one
      of `sftp:` or `ssh:`: nobody is there to type a password.
    '';
  };
  sshKnownHostsFile = mkFileOption "sshKnownHostsFile" {
    type = types.nullOr publicPath;
    example = "/etc/ssh/ssh_known_hosts";
    description = ''
      File with the host keys to accept for a repository that is accessed over SSH. It
      contains no secret and may be in the Nix store. `null`: `/etc/ssh/ssh_known_hosts`,
      which `programs.ssh.knownHosts` fills.
    '';
  };
}
// lib.optionalAttrs (defaults == null) {
  shared = mkOption {
    type = types.bool;
    default = false;
    example = true;
    description = ''
      Whether all instances share one repository: the one at `path`, without `/<name>`
      appended. Data that several instances have in common is stored once. Each instance
      lists, restores and expires only its own snapshots, but whoever has the password can
      read those of all instances.
    '';
  };
}
