# The plan of each instance: what Nix decided, as one JSON document that the
# executor understands. It is checked when the system is built.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ./layout.nix { inherit lib utils; };

  programs = {
    borg = {
      type = "borg";
      program = lib.getExe' pkgs.borgbackup "borg";
      # It reads its password with `cat`.
      path = [
        "${pkgs.coreutils}/bin"
        "${pkgs.openssh}/bin"
      ];
    };
    restic = {
      type = "restic";
      program = lib.getExe pkgs.restic;
      path = [
        "${pkgs.openssh}/bin"
        "${pkgs.rclone}/bin"
      ];
    };
  };

  mkPlan = name: instance: {
    version = 1;
    instance = name;
    provider = programs.${instance.provider};
    repository = {
      inherit (instance.repository) path;
      mountPoint = layout.mountPoint config instance;
      credentials =
        let
          files = layout.credentials instance;
        in
        {
          inherit (files) password;
          repository = files.repository or null;
          environment = files.environment or null;
          sshKey = files.ssh-key or null;
          sshKnownHosts = files.ssh-known-hosts or null;
        };
      passwordGenerated = layout.generatesPassword instance;
    };
    sources = layout.sources instance;
    exclude = instance.excludePatterns;
    inherit (instance) oneFileSystem;
    streams = map (stream: {
      inherit (stream) name;
      dumpUnit = "${stream.dumpUnit}.service";
      loadUnit = "${stream.loadUnit}.service";
    }) (layout.streams name instance);
    hooks = lib.mapAttrs (
      kind: _:
      map (hook: {
        inherit (hook) name;
        unit = "${hook.unit}.service";
      }) (layout.hooks name instance kind)
    ) layout.hookInfixes;
    quiesce = instance.quiesce.units;
    restoreUnits = instance.restore.units;
    inherit (instance) retention;
    maintenance = { inherit (instance.maintenance) readData; };
    inherit (instance) guards conditions;
    inherit (cfg) maxConcurrent;
    schedule = {
      calendar = instance.schedule;
      inherit (instance) randomizedDelay;
    };
  };

  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;

  checkedPlan =
    name: plan:
    pkgs.runCommand "backupservice-${name}.json"
      {
        plan = builtins.toJSON plan;
        passAsFile = [ "plan" ];
      }
      ''
        cp "$planPath" "$out"
        ${lib.optionalString canCheck ''${lib.getExe' cfg.package "backupservice"} check-plan "$out"''}
      '';
in
{
  options.backupservice.plans = lib.mkOption {
    type = lib.types.attrsOf lib.types.package;
    internal = true;
    readOnly = true;
    description = "The plan file of each enabled instance.";
  };

  config = {
    backupservice.plans = lib.mapAttrs (name: instance: checkedPlan name (mkPlan name instance)) (
      lib.filterAttrs (_: instance: instance.enable) cfg.instances
    );

    # Where the command line finds all instances.
    environment.etc = lib.mapAttrs' (
      name: plan: lib.nameValuePair "backupservice/plans/${name}.json" { source = plan; }
    ) cfg.plans;
  };
}
