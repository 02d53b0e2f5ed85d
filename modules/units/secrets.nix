# Generated passwords, for repositories without a passwordFile.
{
  config,
  lib,
  pkgs,
  layout,
  sandbox,
  enabled,
  backupservice,
  ...
}:
let
  generating = lib.filterAttrs (_: layout.generatesPassword) enabled;

  repositories = lib.unique (
    lib.mapAttrsToList (_: instance: {
      repository = instance.repository.path;
      mountPoint = layout.mountPoint config instance;
      passwordFile = layout.passwordFile instance;
    }) generating
  );
in
lib.mkIf (generating != { }) {
  warnings = map (
    { repository, passwordFile, ... }:
    ''
      backupservice: the password of the repository ${
        if repository == null then "named by a pathFile" else repository
      } is generated into ${passwordFile}.
      Without the password nobody can read the backup, and it is lost together with this machine.
      Keep a copy elsewhere, or set repository.passwordFile.
    ''
  ) repositories;

  systemd.services.backupservice-secrets = {
    description = "Generate passwords for backup repositories";
    wantedBy = [ "multi-user.target" ];
    # Each run starts it.
    startLimitIntervalSec = 0;
    unitConfig.WantsMountsFor = map sandbox.word (
      lib.filter (path: path != null && !layout.isUrl path) (map (entry: entry.repository) repositories)
    );
    serviceConfig = sandbox.base // {
      Type = "oneshot";
      ExecStart = backupservice [
        "secrets"
        "--spec"
        (pkgs.writeText "backupservice-secrets.json" (builtins.toJSON repositories))
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
}
