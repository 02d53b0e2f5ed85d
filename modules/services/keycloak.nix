# Keycloak: realms, users, clients and keys, all of which are in its database.
#
# Dumped while it runs. Not part of its state, and kept elsewhere: `database.passwordFile`
# and other files that its settings name.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.keycloak;
  inherit (cfg) database;
  version = common.version "keycloak" cfg.package;

  # The module ignores these options for the database that it creates.
  isCreated = database.createLocally && database.host == "localhost";
  nameOf = option: if isCreated then "keycloak" else database.${option};

  server = {
    user = config.systemd.services.keycloak.serviceConfig.User or "keycloak";
    option = "services.keycloak.backup";
    subject = "services.keycloak.database.host names";
    database = nameOf "name";
    role = nameOf "username";
    inherit (database) host port;
    hasPassword = database.passwordFile != null;
  };
in
common.service "keycloak" {
  inherit (version) rules;
  contract = {
    inherit (server) user;
    sourceDirectories = [ version.directory ];
    streams.database =
      if database.type == "postgresql" then
        common.database.postgresql server
      else
        common.database.mysql server;
    restore.units = [ "keycloak.service" ];
  };
}
