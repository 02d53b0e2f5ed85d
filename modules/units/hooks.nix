# Commands of a service, run before and after its backups and restores.
{
  lib,
  layout,
  sandbox,
  step,
  forInstances,
  ...
}:
let
  hookUnit =
    name: instance: hook:
    step name instance {
      inherit (hook)
        unit
        user
        command
        network
        readWritePaths
        ;
      description = "Hook ${hook.name} of the backup of ${name}";
      serviceConfig = {
        TimeoutStartSec = hook.timeout;
      }
      // lib.optionalAttrs (hook.credentials != { }) {
        LoadCredential = lib.mapAttrsToList sandbox.credential hook.credentials;
      };
    };
in
{
  systemd.services = forInstances (
    name: instance: lib.mergeAttrsList (map (hookUnit name instance) (layout.allHooks name instance))
  );
}
