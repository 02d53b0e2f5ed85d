# A restore writes wherever its operator says, with the owners, modes and attributes
# of the snapshot: it sees the whole machine, may change owners, and may create
# setuid files. It may not change the system itself.
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
      "${layout.prefix name}-restore@" = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "Restore of ${name} (request %i)";
        documentation = [ "man:backupservice-restore(1)" ];
        onFailure = executor.recovery;
        unitConfig.WantsMountsFor = executor.repositoryMount instance ++ executor.sourceMounts instance;
        serviceConfig =
          sandbox.capabilities [
            "CAP_CHOWN"
            "CAP_DAC_OVERRIDE"
            "CAP_DAC_READ_SEARCH"
            "CAP_FOWNER"
            "CAP_FSETID"
            "CAP_MKNOD"
            "CAP_SETFCAP"
          ]
          // {
            ExecStart =
              backupservice [
                "restore"
                "--plan"
                (plan name)
                "--request"
              ]
              + " %i";
            ExecStopPost = backupservice [
              "recover"
              "--restore"
              name
            ];
            # Undoes an interrupted backup as well.
            RuntimeDirectory = executor.runtimeDirectories name (
              instance.quiesce.units ++ instance.restore.units
            );
            # Not that of backups, which could put links into it.
            CacheDirectory = "backupservice/.restores/${name}";
            ProtectSystem = true;
            ReadOnlyPaths = [ builtins.storeDir ];
            PrivateTmp = false;
            RestrictSUIDSGID = false;
            SystemCallFilter = [
              "@system-service"
              "~@privileged @resources"
              "@chown mknod mknodat"
            ];
            # PrivateDevices= would remove CAP_MKNOD. It creates any device, and opens none.
            PrivateDevices = false;
            DevicePolicy = "closed";
            DeviceAllow = [
              "block-* m"
              "char-* m"
            ];
          }
          // executor.stopping;
      };
    }
  );

  # Writable for nothing that runs as `backupservice` but restores and recovery.
  systemd.tmpfiles.rules = forInstances (
    name: _: [ "d ${layout.restoreDirectory name} 0750 root backupservice - -" ]
  );
}
