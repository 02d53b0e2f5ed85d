# Commands of a service, run before and after its backups and restores.
{
  lib,
  layout,
  sandbox,
  step,
  forInstances,
  backupservice,
  script,
  hookPath,
  ...
}:
let
  hookUnit =
    name: instance: hook:
    step name instance {
      inherit (hook)
        unit
        user
        network
        readWritePaths
        ;
      # The facts of the run come from another identity: this lets through only those.
      execStart = backupservice [
        "hook"
        name
        "--"
        (script hook.unit hook.command)
      ];
      path = hookPath hook;
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
