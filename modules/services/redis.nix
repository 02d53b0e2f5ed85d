# Redis and compatible servers of `services.redis.servers`: their data.
#
# Written to disk before it is read; a server with `appendOnly` is stopped meanwhile. Most
# services use theirs as a queue or cache that can be lost, so these contracts are bound
# by hand, never by `autoBind`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.redis;

  server =
    { name, ... }:
    {
      options.backup = common.backupOption "services.redis.servers.${name}" (
        contract name cfg.servers.${name}
      );
    };

  contract =
    name: conf:
    let
      redis = "redis" + lib.optionalString (name != "") "-${name}";
      inherit (common.unit redis) user stateDirectory;
      address =
        if conf.unixSocket != null then
          "-s ${lib.escapeShellArg conf.unixSocket}"
        else
          "-h ${lib.escapeShellArg (lib.head (lib.splitString " " (toString conf.bind)))} -p ${toString conf.port}";
    in
    {
      inherit user;
      sourceDirectories = [ stateDirectory ];
      # The server's start makes it anew.
      excludePatterns = [ "${stateDirectory}/redis.conf" ];
      quiesce.units = lib.optional conf.appendOnly "${redis}.service";
      hooks.beforeBackup = lib.optional (!conf.appendOnly) {
        name = "save";
        credentials = lib.optionalAttrs (conf.requirePassFile != null) { password = conf.requirePassFile; };
        command = ''
          ${lib.optionalString (
            conf.requirePass != null
          ) "export REDISCLI_AUTH=${lib.escapeShellArg conf.requirePass}"}
          ${lib.optionalString (conf.requirePassFile != null) ''
            REDISCLI_AUTH=$(cat "$CREDENTIALS_DIRECTORY/password")
            export REDISCLI_AUTH
          ''}
          answer=$(${lib.getExe' cfg.package "redis-cli"} ${address} SAVE)
          if [ "$answer" != OK ]; then
            echo "the server did not save its data: $answer" >&2
            exit 1
          fi
        '';
      };
      restore.units = [ "${redis}.service" ];
      probe = if conf.appendOnly then null else common.has [ "${stateDirectory}/dump.rdb" ];
    };
in
{
  options.services.redis.servers = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule server);
  };
}
