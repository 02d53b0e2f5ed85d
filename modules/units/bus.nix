# The daemon that has the instances on D-Bus, which the bus starts when somebody asks.
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
  # Where its files will be, for the daemon to watch.
  systemd.tmpfiles.rules = [
    "d /run/backupservice 0755 root root - -"
    "d /var/lib/backupservice 0755 root root - -"
  ];

  systemd.services = lib.mkMerge [
    {
      backupservice-bus = {
        description = "Backups on D-Bus";
        documentation = [ "man:backupservice(1)" ];
        environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
        # Whoever asks again and again has a reason.
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.base
          // sandbox.network { isLocal = true; }
          // sandbox.capabilities [ ]
          // {
            Type = "dbus";
            # It holds nothing that would need more.
            TimeoutStopSec = "10s";
            BusName = layout.busName;
            User = layout.busUser;
            Group = layout.busUser;
            ExecStart = backupservice [ "bus" ];
            ProtectSystem = "strict";
            ProtectHome = true;
            PrivateUsers = true;
            # The repositories of this machine are nothing that it needs.
            InaccessiblePaths = sandbox.optional [ layout.secretsDirectory ];
          };
      };
    }
    # So that nobody who looks on misses a run that a timer starts.
    (forInstances (
      name: _: {
        ${layout.prefix name}.wants = [ "backupservice-bus.service" ];
        "${layout.prefix name}-maintain".wants = [ "backupservice-bus.service" ];
      }
    ))
  ];
}
