# The service org.backupservice1, which D-Bus starts on demand.
{
  lib,
  cfg,
  layout,
  sandbox,
  enabled,
  forInstances,
  backupservice,
  ...
}:
lib.mkIf (cfg.bus.enable && enabled != { }) {
  # The directories that the daemon watches must exist.
  systemd.tmpfiles.rules = [
    "d /run/backupservice 0755 root root - -"
    "d /var/lib/backupservice 0755 root root - -"
  ];

  systemd.services = lib.mkMerge [
    {
      backupservice-bus = {
        description = "D-Bus service for backups";
        documentation = [ "man:backupservice(1)" ];
        environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
        # Clients may ask as often as they like.
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.base
          // sandbox.network { isLocal = true; }
          // sandbox.capabilities [ ]
          // {
            Type = "dbus";
            # It has nothing to save.
            TimeoutStopSec = "10s";
            BusName = layout.busName;
            User = layout.busUser;
            Group = layout.busUser;
            # It reads the lists of snapshots, which not everybody may.
            SupplementaryGroups = [ "backupservice" ];
            ExecStart = backupservice [ "bus" ];
            ProtectSystem = "strict";
            ReadWritePaths = sandbox.optional [ layout.demandDirectory ];
            ProtectHome = true;
            PrivateUsers = true;
            # It needs no secret.
            InaccessiblePaths = sandbox.optional [ layout.secretsDirectory ];
          };
      };
    }
    # So that clients see every run that a timer starts.
    (forInstances (
      name: _: {
        ${layout.prefix name}.wants = [ "backupservice-bus.service" ];
        "${layout.prefix name}-maintain".wants = [ "backupservice-bus.service" ];
      }
    ))
  ];
}
