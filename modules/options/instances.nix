# Instances: the backups of services, each a contract with a repository.
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
        Backups: each combines a service's contract with a repository and a schedule.
        `//` replaces top-level options of the contract as a whole. To change a nested
        option and keep its siblings, use `lib.mkMerge`:

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

        `lib.mkBefore` and `lib.mkAfter` place an item before or after those of the
        contract.
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
        Default values for all instances. `repository.path` is a prefix: each instance
        appends `/<name>`, unless `repository.shared` is set.
      '';
    };

    contracts = mkOption {
      type = types.attrsOf contracts.backup;
      default = { };
      example = literalExpression "{ myservice = config.myservice.backup; }";
      description = "Contracts of the services on this machine. Service modules register theirs here.";
    };

    autoBind = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to enable a backup of every service registered in
        `backupservice.contracts`, as an instance of the same name. Requires
        `backupservice.defaults.repository.path`. Options set for such an instance are
        merged with the contract; a whole contract, as in
        `config.myservice.backup // { … }`, replaces it.
      '';
    };
  };

  config.backupservice.instances = lib.mkIf cfg.autoBind (
    lib.mapAttrs (_: import ./auto-bind.nix { inherit lib; }) cfg.contracts
  );
}
