# The backup itself: the executor and its provider.
{
  lib,
  cfg,
  layout,
  sandbox,
  executor,
  forInstances,
  forMachine,
  backupservice,
  plan,
  ...
}:
{
  systemd.tmpfiles.rules = forMachine [
    "d ${layout.demandDirectory} 0755 ${
      if cfg.bus.enable then "${layout.busUser} ${layout.busUser}" else "root root"
    } - -"
  ];

  systemd.services = forInstances (
    name: instance:
    let
      view = executor.view name instance (layout.sources instance);
      base = executor.withProvider name instance;
      generating = executor.generating instance;
      mounts = executor.repositoryMount instance ++ executor.sourceMounts instance;
    in
    {
      ${layout.prefix name} = lib.recursiveUpdate base {
        description = "Backup of ${name}";
        wants = base.wants ++ generating;
        after = base.after ++ generating;
        documentation = [ "man:backupservice-run(1)" ];
        unitConfig = {
          WantsMountsFor = mounts;
          # A reference: systemd forgets when a unit ran once it has unloaded it. Nobody reloads a run.
          PropagatesReloadTo = instance.quiesce.units;
        };
        onSuccess = executor.onSuccess name;
        onFailure = executor.recovery ++ executor.onFailure name;
        serviceConfig =
          view
          // sandbox.capabilities [ "CAP_DAC_READ_SEARCH" ]
          // {
            RuntimeDirectory = executor.runtimeDirectories name instance.quiesce.units;
            BindPaths =
              view.BindPaths
              ++ map (directory: "/run/${directory}") (executor.claims instance.quiesce.units)
              ++ sandbox.optional [ (layout.stagingDirectory name) ];
            ExecStart = backupservice [
              "run"
              "--plan"
              (plan name)
            ];
            # Runs after every exit, also when the executor was killed.
            ExecStopPost = backupservice [
              "recover"
              name
            ];
            OOMPolicy = "continue";
          }
          // executor.stopping
          // executor.retries;
      };
    }
  );
}
