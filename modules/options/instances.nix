# What a person binds: promises to repositories.
{
  config,
  lib,
  pkgs,
  contracts,
  ...
}:
let
  inherit (lib) mkOption literalExpression types;

  cfg = config.backupservice;

  ownPackage = pkgs.callPackage ../../rust/package.nix { };

  instanceOptions = import ./instance {
    inherit lib;
    providers = import ../providers.nix { inherit lib pkgs; };
  };

  # The contract's own modules, so that whatever a contract can say passes
  # through `config.myservice.backup // { … }` into an instance.
  instance = types.submodule (
    contracts.backup.getSubModules
    ++ [
      (
        { name, ... }:
        {
          options = instanceOptions {
            inherit name;
            inherit (cfg) defaults;
          };
        }
      )
    ]
  );
in
{
  options.backupservice = {
    package =
      lib.mkPackageOption { backupservice = pkgs.backupservice or ownPackage; } "backupservice"
        {
          example = "inputs.backupservice.packages.\${pkgs.stdenv.hostPlatform.system}.default";
          extraDescription = ''
            Without this project's overlay it is built from the module's own sources.
          '';
        };

    instances = mkOption {
      type = types.attrsOf instance;
      default = { };
      example = literalExpression ''
        {
          myservice = config.myservice.backup // {
            enable = true;
            repository.path = "/srv/backup/myservice";
          };
        }
      '';
      description = ''
        Backups, each a promise bound to a repository. `//` keeps the promise's
        other top-level options; to change a nested one, merge instead:

        ```nix
        backupservice.instances.myservice = lib.mkMerge [
          config.myservice.backup
          {
            enable = true;
            repository.path = "/srv/backup/myservice";
            hooks.beforeBackup = lib.mkAfter [ "myservice-admin flush" ];
          }
        ];
        ```

        `lib.mkBefore` and `lib.mkAfter` say on which side of the promise's own
        items an added one stands.
      '';
    };

    defaults = mkOption {
      type = types.submodule { options = instanceOptions { }; };
      default = { };
      example = {
        repository.path = "/srv/backup";
        schedule = "03:00";
      };
      description = ''
        What instances have where they say nothing themselves. `repository.path`
        is a prefix, to which `/<name>` is added.
      '';
    };

    contracts = mkOption {
      type = types.attrsOf contracts.backup;
      default = { };
      example = literalExpression "{ myservice = config.myservice.backup; }";
      description = "Promises of the services on this machine, registered by the services themselves.";
    };

    autoBind = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether every promise in `backupservice.contracts` gets an instance of the
        same name. Needs `backupservice.defaults.repository.path`.
      '';
    };
  };

  config.backupservice.instances = lib.mkIf cfg.autoBind (
    lib.mapAttrs (_: contract: contract // { enable = lib.mkDefault true; }) cfg.contracts
  );
}
