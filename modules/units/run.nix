# The backup itself: the executor, and the provider that it calls.
{
  lib,
  layout,
  sandbox,
  executor,
  forInstances,
  backupservice,
  plan,
  ...
}:
{
  systemd.services = forInstances (
    name: instance: {
      ${layout.prefix name} = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "Backup of ${name}";
        documentation = [ "man:backupservice-run(1)" ];
        onSuccess = executor.onSuccess name;
        onFailure = executor.recovery ++ executor.onFailure name;
        serviceConfig =
          executor.view name instance (layout.sources instance)
          // sandbox.capabilities [ "CAP_DAC_READ_SEARCH" ]
          // {
            ExecStart = backupservice [
              "run"
              "--plan"
              (plan name)
            ];
            # Runs after whatever end, also when the executor was killed.
            ExecStopPost = backupservice [
              "recover"
              name
            ];
            # The executor stops its provider itself, and then cleans up.
            KillMode = "mixed";
            TimeoutStopSec = "1h";
            OOMPolicy = "continue";
          }
          // executor.retries;
      };
    }
  );
}
