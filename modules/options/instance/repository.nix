# Where the snapshots are kept, and with which secrets.
{
  lib,
  name,
  defaults,
  default,
}:
let
  inherit (lib) mkOption literalExpression types;
  inherit (import ../../../contracts/types.nix { inherit lib; }) externalPath;

  mkFileOption =
    field: args:
    mkOption ({ type = types.nullOr externalPath; } // default [ "repository" field ] null // args);
in
{
  path = mkOption {
    type = types.nullOr types.str;
    default =
      if defaults == null || defaults.repository.path == null then
        null
      else
        "${defaults.repository.path}/${name}";
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
  pathFile = mkFileOption "pathFile" {
    example = "/run/agenix/backup-repository";
    description = "File that contains the path or URL of the repository. Replaces `repository.path`.";
  };
  passwordFile = mkFileOption "passwordFile" {
    example = "/run/agenix/backup-password";
    description = ''
      File that contains the password of the repository. `null`: a password is
      generated once per repository, in `/var/lib/backupservice-secrets`. **Keep a copy
      of it on another machine**: without the password, nobody can read the backup.
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
    description = "File with the private key for a repository that is accessed over SSH.";
  };
  sshKnownHostsFile = mkFileOption "sshKnownHostsFile" {
    example = "/etc/ssh/ssh_known_hosts";
    description = "File with the host keys to accept for a repository that is accessed over SSH.";
  };
}
