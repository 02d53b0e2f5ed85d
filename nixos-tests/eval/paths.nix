# Paths on their way into units: with spaces, from the store, of other kinds.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  inherit (import ./common { inherit lib evalNixos; }) good refusalsOf;

  configOf = modules: (evalNixos modules).config;

  # Every path that an option takes has a space.
  spaces = {
    backupservice = {
      instances.x = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/my data" ];
        repository = {
          path = "/mnt/my disk/my backup";
          mountPoint = "/mnt/my disk";
          passwordFile = "/run/my secrets/password";
          environmentFile = "/run/my secrets/environment";
        };
        hooks.beforeBackup = [
          {
            command = "true";
            credentials.token = "/run/my secrets/token";
            readWritePaths = [ "/var/lib/my export" ];
          }
        ];
      };
      notify.ping.all.urlFile = "/run/my secrets/ping";
      metrics.textfile = "/var/lib/my metrics/backup.prom";
    };
  };
in
{
  "paths with spaces are not refused" = {
    expr = refusalsOf [ spaces ];
    expected = [ ];
  };

  "paths with spaces are one word in units and in tmpfiles" = {
    expr =
      let
        config = configOf [ spaces ];
        # Lines in which a path is neither quoted, nor escaped, nor the end of the line.
        broken =
          text:
          lib.filter (
            line:
            lib.hasInfix "/my " line
            && builtins.match ".*\"[^\"]*/my [^\"]*\".*" line == null
            && !lib.hasPrefix "LoadCredential=" line
          ) (lib.splitString "\n" text);
      in
      lib.concatMap (unit: broken unit.text) (
        lib.attrValues (lib.filterAttrs (name: _: lib.hasPrefix "backupservice" name) config.systemd.units)
      )
      ++ lib.concatMap broken config.systemd.tmpfiles.rules;
    expected = [ ];
  };

  "host keys are public, and may be in the store" =
    let
      hostKeys =
        sshKnownHostsFile:
        (configOf [
          {
            backupservice.instances.x = lib.recursiveUpdate good {
              repository = {
                path = "sftp:backup@host:/srv/backup";
                inherit sshKnownHostsFile;
              };
            };
          }
        ]).backupservice.instances.x.repository.sshKnownHostsFile;
      file = pkgs.writeText "known-hosts" "";
    in
    {
      expr = [
        (hostKeys file == "${file}")
        (hostKeys "${file}" == "${file}")
        (hostKeys "/etc/ssh/ssh_known_hosts")
        # Copied, so that it is where the system is.
        (lib.hasPrefix "${builtins.storeDir}/" (hostKeys ./paths.nix))
      ];
      expected = [
        true
        true
        "/etc/ssh/ssh_known_hosts"
        true
      ];
    };
}
