# PostgreSQL as a whole: all databases, and the roles with their passwords.
#
# Dumped while it runs. A restore stops what uses the server, and replaces all
# databases. Services of the catalogue save their own database with their files, so this
# contract is for the others: it is bound by hand, never by `autoBind`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.postgresql;
  version = common.version "postgresql" cfg.package;
in
common.service "postgresql" {
  inherit (version) rules;
  register = false;
  contract = {
    user = cfg.superUser;
    sourceDirectories = [ version.directory ];
    streams.cluster = contracts.streams.postgresqlCluster {
      user = cfg.superUser;
      inherit (cfg.settings) port;
      inherit (cfg) package;
    };
    restore.units = common.clientsOf {
      servers = [
        "postgresql.service"
        "postgresql.target"
        "postgresql-setup.service"
      ];
      isDump = lib.hasInfix "PGDATABASE=";
    };
  };
}
