# Lists the snapshots of an instance.
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
      "${layout.prefix name}-snapshots" = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "List the snapshots of ${name}";
        serviceConfig =
          executor.view name instance [ ]
          // sandbox.capabilities [ ]
          // {
            ExecStart = backupservice [
              "snapshots"
              "--plan"
              (plan name)
            ];
          };
      };
    }
  );
}
