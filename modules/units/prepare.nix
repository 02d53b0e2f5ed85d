# Creates the directory of a local repository.
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
    name: instance:
    lib.optionalAttrs (layout.isLocal instance) {
      "${layout.prefix name}-prepare" = lib.recursiveUpdate (executor.base name) {
        description = "Create the backup repository directory of ${name}";
        unitConfig.WantsMountsFor = executor.repositoryMount instance;
        serviceConfig =
          sandbox.base
          // sandbox.network { isLocal = true; }
          // sandbox.capabilities [
            "CAP_CHOWN"
            "CAP_DAC_OVERRIDE"
            "CAP_FOWNER"
          ]
          // {
            ExecStart = backupservice [
              "prepare"
              "--plan"
              (plan name)
            ];
            ProtectSystem = "full";
            ReadOnlyPaths = [ builtins.storeDir ];
            SystemCallFilter = [
              "@system-service"
              "~@privileged @resources"
              "@chown"
            ];
          };
      };
    }
  );
}
