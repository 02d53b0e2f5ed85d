# The units of each instance: one for each identity that code runs as.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };
  sandbox = import ./sandbox.nix { inherit lib; };

  context = {
    inherit
      config
      lib
      pkgs
      utils
      layout
      sandbox
      ;
    backupservice =
      arguments: utils.escapeSystemdExecArgs ([ (lib.getExe' cfg.package "backupservice") ] ++ arguments);
    plan = name: cfg.plans.${name};
    slice = name: "backupservice-${utils.escapeSystemdPath name}.slice";
  };

  executor = import ./executor.nix context;
  steps = import ./steps.nix context;

  enabled = lib.filterAttrs (_: instance: instance.enable) cfg.instances;
  merge = f: lib.mkMerge (lib.mapAttrsToList f enabled);
in
{
  config = {
    systemd.services = lib.mkMerge [
      (merge (name: instance: executor.services name instance // steps.services name instance))
      (lib.mkIf (enabled != { }) { backupservice-recover = import ./recover.nix context; })
    ];

    systemd.timers = lib.mapAttrs' (
      name: instance:
      lib.nameValuePair (layout.prefix name) {
        description = "Schedule of the backup of ${name}";
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = instance.schedule;
          Persistent = true;
          RandomizedDelaySec = instance.randomizedDelay;
          FixedRandomDelay = true;
        };
      }
    ) enabled;
  };
}
