# The contract type: the documentation's example, `//`, `lib.mkMerge`, and
# read-only contracts.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  contract =
    { lib, contracts, ... }:
    {
      options.myservice.backup = lib.mkOption {
        type = contracts.backup;
        readOnly = true;
        default = {
          user = "root";
          sourceDirectories = [ "/var/lib/myservice" ];
          excludePatterns = [ "*.tmp" ];
          hooks.beforeBackup = [ "one" ];
          hooks.afterBackup = [ "two" ];
        };
      };
    };

  instance =
    f:
    (evalNixos [
      contract
      ({ config, ... }: { backupservice.instances.x = f config.myservice.backup; })
    ]).config.backupservice.instances.x;

  commands = map (hook: hook.command);
in
{
  "the contract reaches the instance" = {
    expr =
      let
        got = instance (backup: backup // { enable = true; });
      in
      {
        inherit (got)
          enable
          user
          sourceDirectories
          excludePatterns
          ;
        before = commands got.hooks.beforeBackup;
        after = commands got.hooks.afterBackup;
      };
    expected = {
      enable = true;
      user = "root";
      sourceDirectories = [ "/var/lib/myservice" ];
      excludePatterns = [ "*.tmp" ];
      before = [ "one" ];
      after = [ "two" ];
    };
  };

  "// replaces a nested option as a whole" = {
    expr =
      commands
        (instance (backup: backup // { hooks.beforeBackup = [ "three" ]; })).hooks.afterBackup;
    expected = [ ];
  };

  "lib.mkMerge adds to a nested option" = {
    expr =
      let
        got = instance (
          backup:
          lib.mkMerge [
            backup
            { hooks.beforeBackup = lib.mkAfter [ "three" ]; }
          ]
        );
      in
      {
        before = commands got.hooks.beforeBackup;
        after = commands got.hooks.afterBackup;
      };
    expected = {
      before = [
        "one"
        "three"
      ];
      after = [ "two" ];
    };
  };

  "a contract cannot be set elsewhere, says NixOS itself" = {
    expr =
      (evalNixos [
        contract
        { myservice.backup.user = "other"; }
      ]).config.myservice.backup.user;
    expectedError.msg = "option `myservice.backup' is read-only, but it's set multiple times";
  };

  "defaults reach every instance, and its own word wins" = {
    expr =
      let
        system = evalNixos [
          contract
          (
            { config, ... }:
            {
              backupservice.defaults = {
                repository.path = "/srv/backup";
                schedule = "03:00";
              };
              backupservice.contracts.x = config.myservice.backup;
              backupservice.autoBind = true;
              backupservice.instances.x.schedule = "04:00";
              backupservice.instances.y = config.myservice.backup // {
                enable = true;
              };
            }
          )
        ];
      in
      lib.mapAttrs (_: instance: [
        instance.enable
        instance.repository.path
        instance.schedule
      ]) system.config.backupservice.instances;
    expected = {
      x = [
        true
        "/srv/backup/x"
        "04:00"
      ];
      y = [
        true
        "/srv/backup/y"
        "03:00"
      ];
    };
  };

  "the executor comes from the overlay, and without it from the module's own sources" = {
    expr =
      let
        packageOf =
          executors:
          (evalNixos [
            {
              _module.args.pkgs = lib.mkForce (
                removeAttrs pkgs [ "backupservice" ]
                // {
                  callPackage = file: _: pkgs.backupservice // { built = baseNameOf file; };
                }
                // executors
              );
            }
          ]).config.backupservice.package;
      in
      {
        overlay =
          (packageOf {
            backupservice = pkgs.backupservice // {
              built = "overlay";
            };
          }).built;
        without = (packageOf { }).built;
      };
    expected = {
      overlay = "overlay";
      without = "package.nix";
    };
  };

  "every option has a description and an example" = {
    expr =
      let
        options = lib.optionAttrSetToDocList (evalNixos [ contract ]).options.backupservice;
      in
      map (option: option.name) (
        lib.filter (
          option:
          option.visible
          && !option.internal
          && !lib.hasInfix "_module" option.name
          && (option.description or null == null || !(option ? example))
        ) options
      );
    expected = [ ];
  };
}
