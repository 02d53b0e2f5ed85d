# Vaultwarden: the vault, attachments, sends and the key of its sessions.
#
# Saved while it runs: the database is dumped, attachments and sends never change once
# they are written. Icons are not saved, they are downloaded again. Not part of its state,
# and kept elsewhere: `environmentFile` with the administrator's token.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.vaultwarden;
  option = "services.vaultwarden.backup";
  inherit (common.unit "vaultwarden") user stateDirectory;

  # Settings are spelled like the environment variable or in camel case.
  normalize = name: lib.toUpper (lib.replaceStrings [ "_" ] [ "" ] name);
  settings = lib.mapAttrs' (name: lib.nameValuePair (normalize name)) (
    lib.filterAttrs (_: value: value != null) cfg.config
  );
  setting = name: default: settings.${normalize name} or default;

  data = common.path (setting "DATA_FOLDER" stateDirectory);
  url = setting "DATABASE_URL" (
    # Newer releases set up a database of this name, and do not say so in `config`.
    if cfg.configurePostgres or false then "postgresql:///vaultwarden?host=/run/postgresql" else null
  );
  isSqlite = cfg.dbBackend == "sqlite";
  file = if url == null then "${data}/db.sqlite3" else url;
  key = setting "RSA_KEY_FILENAME" "${data}/rsa_key";
in
common.service "vaultwarden" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = common.outermost (
        [
          data
          (setting "ATTACHMENTS_FOLDER" data)
          (setting "SENDS_FOLDER" data)
          "${key}.pem"
        ]
        ++ lib.optional isSqlite (dirOf file)
      );
      excludePatterns = [
        "${setting "ICON_CACHE_FOLDER" "${data}/icon_cache"}/*"
        "${setting "TMP_FOLDER" "${data}/tmp"}/*"
      ];
      restore.units = [ "vaultwarden.service" ];
      probe = common.has [ "${key}.pem" ];
    }
    (
      if isSqlite then
        common.sqlite { database = file; }
      else
        {
          streams.database =
            if url == null then
              common.database.refuse {
                inherit option;
                problem = "services.vaultwarden.config has no DATABASE_URL, and dbBackend is \"${cfg.dbBackend}\".";
                reason = "The backup must dump the database, and evaluation cannot read environmentFile.";
                remedy = "Set DATABASE_URL in services.vaultwarden.config, without a password, such as \"postgresql:///vaultwarden?host=/run/postgresql\".";
              }
            else
              common.database.fromUrl {
                inherit option user url;
                setting = "services.vaultwarden.config.DATABASE_URL";
              };
        }
    )
  ];
}
