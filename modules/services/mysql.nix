# MariaDB as a whole: all databases, and the accounts with their passwords and privileges.
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

  cfg = config.services.mysql;
  version = common.version "mysql" cfg.package;
in
common.service "mysql" {
  inherit (version) rules;
  register = false;
  contract = {
    inherit (cfg) user;
    sourceDirectories = [ version.directory ];
    streams.server =
      if lib.hasPrefix "mariadb" (lib.getName cfg.package) then
        contracts.streams.mariadbCluster { inherit (cfg) user package; }
      else
        common.database.refuse {
          option = "services.mysql.backup";
          problem = "services.mysql.package is ${lib.getName cfg.package}.";
          reason = "Only MariaDB can dump its accounts, without which its databases could not be used.";
          remedy = "Set it to pkgs.mariadb; or save each database by itself, with contracts.streams.mariadb, whose package can be MySQL.";
        };
    restore.units = common.clientsOf {
      servers = [ "mysql.service" ];
      isDump = lib.hasInfix "--protocol=socket";
    };
  };
}
