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
      Where the snapshots are kept: an absolute path on this machine, or a URL
      that the provider understands: for restic, such as
      `sftp:backup@host:/srv/backup` or `b2:my-bucket:myservice`; for borg, such as
      `ssh://backup@host/srv/backup`. Anybody can read it: a URL with a password in
      it goes into `repository.pathFile`.
    '';
  };
  pathFile = mkFileOption "pathFile" {
    example = "/run/agenix/backup-repository";
    description = "File that holds the path or URL, instead of `repository.path`.";
  };
  passwordFile = mkFileOption "passwordFile" {
    example = "/run/agenix/backup-password";
    description = ''
      File that holds the password of the repository. Where it is null, a
      password is generated below `/var/lib/backupservice-secrets`, once for
      each repository. **Keep a copy elsewhere**: without it, a backup of a lost
      machine cannot be read.
    '';
  };
  environmentFile = mkFileOption "environmentFile" {
    example = "/run/agenix/backup-environment";
    description = ''
      File of environment variables for the provider alone, such as
      `B2_ACCOUNT_ID`, in the syntax of `EnvironmentFile=` in
      {manpage}`systemd.exec(5)`.
    '';
  };
  sshKeyFile = mkFileOption "sshKeyFile" {
    example = "/run/agenix/backup-ssh-key";
    description = "Private key for a repository that is reached over ssh.";
  };
  sshKnownHostsFile = mkFileOption "sshKnownHostsFile" {
    example = "/etc/ssh/ssh_known_hosts";
    description = "Host keys that are accepted for a repository that is reached over ssh.";
  };
}
