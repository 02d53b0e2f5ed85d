# Cleans up after interrupted runs at boot, also of instances that are not
# configured any more.
{
  config,
  lib,
  utils,
  layout,
  sandbox,
  executor,
  enabled,
  forMachine,
  backupservice,
  ...
}:
let
  mountPoints = lib.unique (
    map (path: (layout.mountAbove config path).where) (
      lib.concatMap layout.sources (lib.attrValues enabled)
    )
  );
  mountUnit = path: "${utils.escapeSystemdPath path}.mount";
in
{
  systemd.services.backupservice-recover = forMachine {
    description = "Clean up after interrupted backups and restores";
    documentation = [ "man:backupservice(1)" ];
    wantedBy = [ "multi-user.target" ];
    # The timers themselves cannot be listed: they start before basic.target, and
    # this starts after it.
    before = map (name: "${layout.prefix name}.service") (lib.attrNames enabled);
    # Of the disks of sources, only those that are mounted anyway.
    after = executor.bus ++ layout.databases ++ map mountUnit mountPoints;
    startLimitIntervalSec = 0;
    environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
    unitConfig.ConditionPathExistsGlob = [
      "|/var/lib/backupservice/*/intent.json"
      "|${layout.restoreDirectory "*"}/intent.json"
      # Attempts that are cancelled while they are waited for.
      "|${layout.demandDirectory}/*:cancelled"
    ];
    # It undoes an interrupted restore, wherever the data is. These rights serve
    # nothing else: no provider runs here, and there is no network.
    serviceConfig =
      sandbox.base
      // sandbox.network { isLocal = true; }
      // sandbox.capabilities [
        "CAP_CHOWN"
        "CAP_DAC_OVERRIDE"
        "CAP_DAC_READ_SEARCH"
        "CAP_FOWNER"
        "CAP_FSETID"
      ]
      // {
        Type = "oneshot";
        User = "backupservice";
        Group = "backupservice";
        RuntimeDirectory = layout.locks;
        RuntimeDirectoryPreserve = true;
        ExecStart = backupservice [
          "recover"
          "--all"
        ];
        TimeoutStartSec = "1h";
        ProtectSystem = true;
        ReadOnlyPaths = [ builtins.storeDir ];
        PrivateTmp = false;
        RestrictSUIDSGID = false;
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
          "@chown"
        ];
      };
  };
}
