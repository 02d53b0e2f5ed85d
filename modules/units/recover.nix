# Finishes, when the machine has come up, what any run has left: also of an
# instance that is not configured any more.
{
  lib,
  layout,
  sandbox,
  enabled,
  forMachine,
  backupservice,
  ...
}:
{
  systemd.services.backupservice-recover = forMachine {
    description = "Finish what interrupted backups and restores have left";
    documentation = [ "man:backupservice-recover(1)" ];
    wantedBy = [ "multi-user.target" ];
    # Timers start these, and are not named here: they come before basic.target,
    # and this comes after it.
    before = map (name: "${layout.prefix name}.service") (lib.attrNames enabled);
    after = layout.databases;
    startLimitIntervalSec = 0;
    environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
    unitConfig = {
      ConditionPathExistsGlob = "/var/lib/backupservice/*/intent.json";
      WantsMountsFor = lib.unique (lib.concatMap layout.sources (lib.attrValues enabled));
    };
    # An interrupted restore is undone wherever its data is, and nothing else is
    # done with these rights: no provider runs here, and there is no network.
    serviceConfig =
      sandbox.base
      // sandbox.network { isLocal = true; }
      // sandbox.capabilities [
        "CAP_DAC_OVERRIDE"
        "CAP_DAC_READ_SEARCH"
        "CAP_FOWNER"
      ]
      // {
        Type = "oneshot";
        User = "backupservice";
        Group = "backupservice";
        RuntimeDirectory = layout.stoppedUnits;
        RuntimeDirectoryPreserve = true;
        ExecStart = backupservice [
          "recover"
          "--all"
        ];
        TimeoutStartSec = "1h";
        ProtectSystem = true;
        ReadOnlyPaths = [ builtins.storeDir ];
        PrivateTmp = false;
      };
  };
}
