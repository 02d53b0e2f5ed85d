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
  watch = import ./watch.nix context;

  timer = instance: schedule: description: {
    inherit description;
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = schedule;
      Persistent = true;
      RandomizedDelaySec = instance.randomizedDelay;
      FixedRandomDelay = true;
    };
  };

  enabled = lib.filterAttrs (_: instance: instance.enable) cfg.instances;
  merge = f: lib.mkMerge (lib.mapAttrsToList f enabled);
in
{
  config = {
    systemd.services = lib.mkMerge [
      (merge (name: instance: executor.services name instance // steps.services name instance))
      (lib.mkIf (enabled != { }) (
        { backupservice-recover = import ./recover.nix context; } // watch.services
      ))
    ];

    # What users hang their own units on. They end at once, so as to be reached again.
    systemd.targets = lib.mkIf (enabled != { }) {
      "backupservice-success@" = {
        description = "The backup %i succeeded";
        unitConfig.StopWhenUnneeded = true;
      };
      "backupservice-failure@" = {
        description = "The backup %i failed";
        unitConfig.StopWhenUnneeded = true;
      };
    };

    systemd.slices.backupservice = lib.mkIf (enabled != { }) {
      description = "Backups";
      sliceConfig = {
        CPUWeight = cfg.weights.cpu;
        IOWeight = cfg.weights.io;
      };
    };

    systemd.user = lib.mkIf (enabled != { }) watch.user;

    systemd.timers = lib.mkMerge [
      (lib.mkIf (enabled != { }) watch.timers)
      (merge (
        name: instance:
        {
          ${layout.prefix name} = timer instance instance.schedule "Schedule of the backup of ${name}";
        }
        // lib.optionalAttrs (instance.maintenance.schedule != null) {
          "${layout.prefix name}-maintain" =
            timer instance instance.maintenance.schedule
              "Schedule of the maintenance of ${name}";
        }
      ))
    ];
  };
}
