# Users' commands to run for each event.
{
  lib,
  cfg,
  layout,
  sandbox,
  identity,
  forMachine,
  script,
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
        restartIfChanged = false;
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.common
          // (if hook.user == null then { DynamicUser = true; } else identity.of hook.user)
          // {
            Type = "oneshot";
            # systemd opens it before switching to the user.
            StandardInput = "file:${layout.notifyInput name}";
            StandardOutput = "journal";
            StandardError = "journal";
            ExecStart = script unit hook.command;
            TimeoutStartSec = hook.timeout;
            ProtectSystem = "strict";
            ProtectHome = "read-only";
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
}
