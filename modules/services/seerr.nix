# Seerr, Jellyseerr before NixOS 26.05: requests, accounts, settings and its keys.
#
# Stopped while its state is read, as its documentation asks. A database in PostgreSQL is
# dumped. Caches and logs are not saved. Not part of its state, and kept elsewhere:
# `environmentFile`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (config.services) seerr;
  # Then the old name is an alias.
  isRenamed = seerr ? enable;

  service =
    name: enable:
    let
      cfg = config.services.${name};
      inherit (common.unit name) user stateDirectory;

      # Of a DynamicUser. The first releases have no option.
      configDir = lib.replaceStrings [ "/var/lib/" ] [ "/var/lib/private/" ] (
        common.path (cfg.configDir or "/var/lib/${name}")
      );
      database = cfg.database or { type = "sqlite"; };
    in
    common.service name {
      inherit enable;
      contract = {
        inherit user;
        sourceDirectories = common.outermost [
          stateDirectory
          configDir
        ];
        excludePatterns = [
          "${configDir}/cache/*"
          "${configDir}/logs/*"
        ];
        quiesce.units = [ "${name}.service" ];
        streams = lib.optionalAttrs (database.type == "postgres") {
          database = common.database.postgresql {
            inherit user;
            option = "services.${name}.backup";
            subject = "services.${name}.database names";
            database = database.name;
            role = database.user;
            host = if database.socketPath != null then database.socketPath else database.host;
            inherit (database) port;
            hasPassword = database.socketPath == null;
          };
        };
        restore.units = [ "${name}.service" ];
        probe = common.has [ "${configDir}/settings.json" ];
      };
    };
in
{
  imports = [
    (service "seerr" (seerr.enable or false))
    (service "jellyseerr" (!isRenamed && config.services.jellyseerr.enable or false))
  ];
}
