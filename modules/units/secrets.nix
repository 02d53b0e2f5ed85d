# Generated passwords, for repositories without a passwordFile: one unit for each repository, so
# that a disk that is missing holds up nobody else.
{
  config,
  lib,
  pkgs,
  layout,
  sandbox,
  executor,
  enabled,
  backupservice,
  ...
}:
let
  generating = lib.mapAttrsToList (name: instance: instance // { inherit name; }) (
    lib.filterAttrs (_: layout.generatesPassword) enabled
  );

  # The instances of each repository, by its unit.
  repositories = lib.groupBy layout.secretsUnit generating;

  warning =
    instance:
    let
      inherit (instance.repository) path;
    in
    ''
      backupservice: the password of the repository ${
        if path == null then "named by a pathFile" else path
      } is generated into ${layout.passwordFile instance}.
      Without the password nobody can read the backup, and it is lost together with this machine.
      Keep a copy elsewhere, or set repository.passwordFile.
    '';

  secretsUnit =
    unit: instances:
    let
      instance = lib.head instances;
      inherit (instance.repository) path;
      mountPoints = lib.filter (place: place != null) (map (layout.mountPoint config) instances);
      asked = lib.optional (layout.asksFirst instance) "${layout.existsUnit instance.name}.service";
      spec = {
        repository = path;
        mountPoint = if mountPoints == [ ] then null else lib.head mountPoints;
        passwordFile = layout.passwordFile instance;
      };
    in
    {
      description = "Generate the password of the backup repository ${
        if path == null then "named by a pathFile" else lib.replaceStrings [ "%" ] [ "%%" ] path
      }";
      # Only the first run mounts a backup disk, or asks a server. A password that needs neither is
      # there to be copied before.
      wantedBy = lib.optional (spec.mountPoint == null && asked == [ ]) "multi-user.target";
      # If it fails, there is a repository, or nobody knows.
      requires = asked;
      after = asked;
      # Each run starts it.
      startLimitIntervalSec = 0;
      unitConfig.WantsMountsFor = executor.repositoryMount instance;
      serviceConfig = sandbox.base // {
        Type = "oneshot";
        ExecStart = backupservice [
          "secrets"
          "--spec"
          (pkgs.writeText (lib.strings.sanitizeDerivationName "${unit}.json") (builtins.toJSON spec))
        ];
        StateDirectory = "backupservice-secrets";
        StateDirectoryMode = "0700";
        # Looks into repositories of any owner.
        CapabilityBoundingSet = "CAP_DAC_READ_SEARCH";
        ProtectSystem = "strict";
        ProtectHome = "read-only";
        PrivateNetwork = true;
        IPAddressDeny = "any";
        RestrictAddressFamilies = "AF_UNIX";
      };
    };
in
lib.mkIf (generating != [ ]) {
  warnings = map (instances: warning (lib.head instances)) (lib.attrValues repositories);

  systemd.services = lib.mapAttrs secretsUnit repositories // {
    backupservice-secrets = {
      description = "Generate passwords for all backup repositories";
      wants = map (unit: "${unit}.service") (lib.attrNames repositories);
      after = map (unit: "${unit}.service") (lib.attrNames repositories);
      serviceConfig = {
        Type = "oneshot";
        ExecStart = lib.getExe' pkgs.coreutils "true";
      };
    };
  };
}
