# Users' commands to run for each event.
{
  lib,
  cfg,
  layout,
  sandbox,
  identity,
  forMachine,
  script,
  hookPath,
  ...
}:
let
  hookUnit =
    name: hook:
    let
      unit = layout.notifyHook name;
    in
    {
      ${unit} = {
        description = "Notification hook ${name} for backups";
        path = hookPath hook;
        restartIfChanged = false;
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.common
          // (if hook.user == null then { DynamicUser = true; } else identity.of hook.user)
          // {
            Type = "oneshot";
            # systemd opens it as root.
            StandardInput = "file:${layout.notifyInput name}";
            StandardOutput = "journal";
            StandardError = "journal";
            ExecStart = script unit hook.command;
            TimeoutStartSec = hook.timeout;
            ProtectSystem = "strict";
            ProtectHome = "read-only";
            ReadWritePaths = sandbox.optional hook.readWritePaths;
            InaccessiblePaths = sandbox.optional [ layout.secretsDirectory ];
          }
          // lib.optionalAttrs (hook.user != "root") { CapabilityBoundingSet = ""; }
          // lib.optionalAttrs (!hook.network) {
            IPAddressDeny = "any";
            IPAddressAllow = "localhost";
          }
          // lib.optionalAttrs (hook.credentials != { }) {
            LoadCredential = lib.mapAttrsToList sandbox.credential hook.credentials;
          };
      };
    };
in
{
  systemd.services = forMachine (lib.mergeAttrsList (lib.mapAttrsToList hookUnit cfg.notify.hooks));

  # The monitor can write the events into these files, and nobody but root can put another file
  # in their place.
  systemd.tmpfiles.rules = forMachine (
    lib.optionals (cfg.notify.hooks != { }) (
      [ "d /run/${layout.notifyRuntime} 0755 root root - -" ]
      ++ map (name: "f ${layout.notifyInput name} 0600 ${layout.notifyUser} ${layout.notifyUser} - -") (
        lib.attrNames cfg.notify.hooks
      )
    )
  );
}
