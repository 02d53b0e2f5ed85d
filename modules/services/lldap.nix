# LLDAP: users and groups, and the key without which no password fits.
#
# Saved while it runs: the database is dumped, the keys never change. Not part of its
# state, and kept elsewhere: files that its settings name outside of its directory, and
# `environmentFile`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.lldap;
  inherit (common.unit "lldap") user stateDirectory;

  url = cfg.environment.LLDAP_DATABASE_URL or cfg.settings.database_url;
  isSqlite = lib.hasPrefix "sqlite:" url;
  # A relative path starts at the state directory.
  file = lib.head (
    lib.splitString "?" (
      lib.removePrefix "sqlite:" (lib.replaceStrings [ "sqlite://" ] [ "sqlite:" ] url)
    )
  );
  path = if lib.hasPrefix "/" file then file else "${stateDirectory}/${lib.removePrefix "./" file}";
in
common.service "lldap" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = common.outermost ([ stateDirectory ] ++ lib.optional isSqlite (dirOf path));
      restore.units = [ "lldap.service" ];
    }
    (
      if isSqlite then
        common.sqlite { database = path; }
      else
        {
          streams.database = common.database.fromUrl {
            inherit user url;
            option = "services.lldap.backup";
            setting = "services.lldap.settings.database_url";
          };
        }
    )
  ];
}
