# Removes expired snapshots and checks the repository. Like the run, but without the
# sources, and therefore without the right to read them.
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
      "${layout.prefix name}-maintain" = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "Maintenance of the backups of ${name}";
        documentation = [ "man:backupservice-maintain(1)" ];
        onSuccess = executor.onSuccess "${name}-maintain";
        onFailure = executor.onFailure "${name}-maintain";
        serviceConfig =
          executor.view name instance [ ]
          // sandbox.capabilities [ ]
          // {
            ExecStart = backupservice [
              "maintain"
              "--plan"
              (plan name)
            ];
            # Writes a record also of a maintenance that was killed.
            ExecStopPost = backupservice [
              "recover"
              "--maintenance"
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
