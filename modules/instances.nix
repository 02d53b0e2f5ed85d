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

  instanceOptions = import ./instance-options.nix { inherit lib; };

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
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../rust/package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./rust/package.nix { }";
      example = literalExpression "inputs.backupservice.packages.\${pkgs.system}.default";
      description = "The executor that the generated units run.";
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

    maxConcurrent = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 2;
      description = ''
        How many instances back up or are maintained at once on this machine; the
        others wait, visibly, and before anything is stopped for them. Null for no
        limit, so that one that hangs holds up no other. Restores never wait for it.
      '';
    };

    weights = {
      cpu = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = ''
          The share of the processors that all backups of this machine together get
          while others want them too, as `CPUWeight=` in
          {manpage}`systemd.resource-control(5)`. What else runs there has 100.
        '';
      };
      io = mkOption {
        type = types.ints.between 1 10000;
        default = 20;
        example = 100;
        description = "Likewise of the disks, as `IOWeight=`.";
      };
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
