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

  "a contract that is bound automatically and by hand is not doubled: the hand wins" = {
    expr =
      let
        system = evalNixos [
          contract
          (
            { config, lib, ... }:
            {
              backupservice = {
                defaults.repository.path = "/srv/backup";
                contracts = lib.genAttrs [ "by-hand" "changed" "added" ] (_: full);
                autoBind = true;
                instances = {
                  by-hand = config.backupservice.contracts.by-hand // {
                    schedule = "04:00";
                  };
                  changed = config.backupservice.contracts.changed // {
                    sourceDirectories = [ "/var/lib/other" ];
                    streams = { };
                  };
                  added = {
                    hooks.beforeBackup = lib.mkAfter [ "three" ];
                    streams.more = {
                      dump = "dump more";
                      load = "load more";
                    };
                  };
                };
              };
            }
          )
        ];
        full = {
          user = "root";
          sourceDirectories = [ "/var/lib/myservice" ];
          hooks.beforeBackup = [ "one" ];
          streams.db = {
            dump = "dump";
            load = "load";
          };
          quiesce.units = [ "myservice.service" ];
        };
      in
      lib.mapAttrs (_: got: {
        inherit (got) enable sourceDirectories;
        before = commands got.hooks.beforeBackup;
        dumps = lib.mapAttrs (_: stream: stream.dump) got.streams;
        quiesced = got.quiesce.units;
      }) system.config.backupservice.instances;
    expected = {
      by-hand = {
        enable = true;
        sourceDirectories = [ "/var/lib/myservice" ];
        before = [ "one" ];
        dumps.db = "dump";
        quiesced = [ "myservice.service" ];
      };
      changed = {
        enable = true;
        sourceDirectories = [ "/var/lib/other" ];
        before = [ "one" ];
        dumps = { };
        quiesced = [ "myservice.service" ];
      };
      added = {
        enable = true;
        sourceDirectories = [ "/var/lib/myservice" ];
        before = [
          "one"
          "three"
        ];
        dumps = {
          db = "dump";
          more = "dump more";
        };
        quiesced = [ "myservice.service" ];
      };
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
