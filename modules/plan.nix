# The plan of each instance: the decisions of Nix as one JSON document for the
# executor.
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
  providers = import ./providers.nix { inherit lib pkgs; };
  stoppedUnits = import ./access/stopped-units.nix { inherit config lib; };
  checkedJson = import ./checked-json.nix {
    inherit lib pkgs;
    inherit (cfg) package;
  };

  mkPlan = name: instance: {
    version = 1;
    instance = name;
    inherit (cfg) host;
    provider = { inherit (providers.${instance.provider}) type program path; };
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
    startable = {
      quiesce = stoppedUnits instance.quiesce.units;
      restore = stoppedUnits instance.restore.units;
    };
    inherit (instance) retention;
    maintenance = {
      inherit (instance.maintenance) readData;
      schedule =
        if instance.maintenance.schedule == null then
          null
        else
          {
            calendar = instance.maintenance.schedule;
            inherit (instance) randomizedDelay;
          };
    };
    inherit (instance) guards conditions;
    inherit (cfg) maxConcurrent;
    schedule = {
      calendar = instance.schedule;
      inherit (instance) randomizedDelay;
    };
  };
in
{
  options.backupservice.plans = lib.mkOption {
    type = lib.types.attrsOf lib.types.package;
    internal = true;
    readOnly = true;
    description = "The plan file of each enabled instance.";
  };

  config = {
    backupservice.plans = lib.mapAttrs (
      name: instance: checkedJson "backupservice-${name}.json" "check-plan" (mkPlan name instance)
    ) (layout.enabled cfg.instances);

    # The command line finds the instances here.
    environment.etc = lib.mapAttrs' (
      name: plan: lib.nameValuePair "backupservice/plans/${name}.json" { source = plan; }
    ) cfg.plans;
  };
}
