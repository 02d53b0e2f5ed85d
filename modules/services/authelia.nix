# Authelia: second factors, consents, and accounts that are in a file.
#
# Saved while it runs: the database is dumped, SQLite or a server's. Not part of its state,
# and kept elsewhere: the files of `secrets`, among them `storageEncryptionKeyFile`, without
# which the second factors cannot be read. The contract is
# `services.authelia.instances.<name>.backup`.
{
  config,
  lib,
  options,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.authelia;
  nameOf = instance: "authelia-${instance.name}";

  contract =
    name: instance:
    let
      option = "services.authelia.instances.${name}.backup";
      inherit (common.unit (nameOf instance)) stateDirectory;
      storage = instance.settings.storage or { };
      accounts = instance.settings.authentication_backend.file.path or null;

      server =
        kind:
        let
          settings = storage.${kind};
          # Of a URL such as tcp://localhost:5432 or unix:///run/postgresql/.s.PGSQL.5432.
          parts = builtins.match "(unix://(/.*)|([a-z0-9]+://)?([^/:]*|[[][^]]*])(:([0-9]+))?)" (
            settings.address or settings.host
          );
          part = lib.elemAt parts;
          socket = part 1;
          port = if part 5 != null then lib.toInt (part 5) else settings.port or null;
        in
        {
          inherit option;
          inherit (instance) user;
          subject = "services.authelia.instances.${name}.settings.storage.${kind} names";
          inherit (settings) database;
          role = settings.username;
          hasPassword = true;
          host =
            if socket == null then
              part 3
            else if kind == "postgres" && lib.hasPrefix ".s.PGSQL." (baseNameOf socket) then
              dirOf socket
            else
              socket;
        }
        // lib.optionalAttrs (port != null) { inherit port; }
        // lib.optionalAttrs (kind == "mysql" && socket != null) { inherit socket; };
    in
    lib.mkMerge [
      {
        inherit (instance) user;
        sourceDirectories = common.outermost (
          [ stateDirectory ]
          ++ lib.optional (storage ? local) (dirOf storage.local.path)
          ++ lib.optional (accounts != null && common.isState accounts) accounts
        );
        restore.units = [ "${nameOf instance}.service" ];
      }
      (
        if storage ? local then
          common.sqlite { database = storage.local.path; }
        else
          {
            streams.database =
              if storage ? postgres then
                common.database.postgresql (server "postgres")
              else if storage ? mysql then
                common.database.mysql (server "mysql")
              else
                common.database.refuse {
                  inherit option;
                  problem = "services.authelia.instances.${name}.settings.storage names no database.";
                  reason = "The backup must dump the database, and evaluation cannot read settingsFiles.";
                  remedy = "Set storage.local.path, storage.postgres or storage.mysql in `settings`, without the password.";
                };
          }
      )
    ];

  instance =
    { name, ... }:
    {
      options.backup = common.backupOption "services.authelia.instances.${name}" (
        contract name cfg.instances.${name}
      );
    };
in
{
  options.services.authelia.instances = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule instance);
  };

  # Some release may not have the service.
  config.backupservice.contracts = lib.mkIf options.services.authelia.instances.isDefined (
    lib.mapAttrs' (_: instance: lib.nameValuePair (nameOf instance) instance.backup) (
      lib.filterAttrs (_: instance: instance.enable) cfg.instances
    )
  );
}
