# The arguments of all files of units/.
{
  config,
  lib,
  pkgs,
  utils,
}:
let
  cfg = config.backupservice;
  layout = import ../../layout.nix { inherit lib utils; };
  sandbox = import ./sandbox.nix { inherit lib; };

  enabled = layout.enabled cfg.instances;

  common = {
    inherit
      config
      cfg
      lib
      pkgs
      utils
      layout
      sandbox
      enabled
      ;

    identity = import ./identity.nix { inherit config lib; };
    executor = import ./executor.nix common;
    step = import ./step.nix common;

    # Definitions for each enabled instance, and for the machine if there is any.
    forInstances = f: lib.mkMerge (lib.mapAttrsToList f enabled);
    forMachine = lib.mkIf (enabled != { });

    # A command line of the executor, of those that are for units.
    backupservice =
      arguments:
      utils.escapeSystemdExecArgs (
        [
          (lib.getExe' cfg.package "backupservice")
          "unit"
        ]
        ++ arguments
      );

    # Shell text as a program.
    script =
      name: command:
      pkgs.writeShellScript name ''
        set -euo pipefail
        ${command}
      '';

    # Programs that hooks find, besides those of every NixOS service.
    hookPath = hook: hook.path ++ [ pkgs.util-linux ];

    plan = name: cfg.plans.${name};
    slice = name: "backupservice-${utils.escapeSystemdPath name}.slice";
  };
in
common
