# Units that run the executor and the provider, as the user `backupservice`.
{
  lib,
  layout,
  sandbox,
  backupservice,
  plan,
  slice,
  ...
}:
let
  common = name: {
    # A switch must neither kill a backup nor start one.
    restartIfChanged = false;
    # Whoever starts it again and again has a reason.
    startLimitIntervalSec = 0;
    # Where the view has it: /var/run, the default of D-Bus, is not there.
    environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
    serviceConfig = {
      Type = "oneshot";
      User = "backupservice";
      Group = "backupservice";
      Slice = slice name;
      LogExtraFields = "BACKUP_INSTANCE=${name}";
      RuntimeDirectory = "backupservice/${name} ${layout.stoppedUnits} ${layout.locks}";
      RuntimeDirectoryPreserve = true;
    };
  };

  # A unit that calls the provider.
  withProvider =
    name: instance:
    let
      isLocal = layout.isLocal instance;
      credentials = layout.credentials instance;
    in
    lib.recursiveUpdate (common name) {
      wants =
        lib.optional (layout.generatesPassword instance) "backupservice-secrets.service"
        ++ lib.optional isLocal "${layout.prefix name}-prepare.service"
        ++ lib.optional (!isLocal) "network-online.target";
      after = [
        "backupservice-secrets.service"
        "${layout.prefix name}-prepare.service"
        "network-online.target"
      ];
      unitConfig.WantsMountsFor = map sandbox.word (
        layout.sources instance ++ lib.optional isLocal instance.repository.path
      );
      serviceConfig =
        sandbox.base
        // sandbox.network { inherit isLocal; }
        // {
          NotifyAccess = "exec";
          StateDirectory = "backupservice/${name}";
          CacheDirectory = "backupservice/${name}";
          LoadCredential = lib.mapAttrsToList sandbox.credential credentials;
          # In the place of a file that is missing, so that it is the executor
          # that says so and not status 243/CREDENTIALS.
          SetCredential = map (id: "${id}:\\n") (lib.attrNames credentials);
        };
    };

  # Should `recover` have been killed as well. It has nothing to do otherwise.
  recovery = [ "backupservice-recover.service" ];

  # What is started after a run or maintenance, by the name of its unit.
  watch = [ "backupservice-watch.service" ];
  onSuccess = unit: watch ++ [ "backupservice-success@${unit}.target" ];
  onFailure = unit: watch ++ [ "backupservice-failure@${unit}.target" ];

  # What may pass by itself is tried again: after 1, 3, 10 and 30 minutes. The
  # executor counts, and exits with another status after the last attempt.
  retries = {
    RestartForceExitStatus = 75;
    RestartMode = "direct";
    RestartSec = "1min";
    RestartSteps = 3;
    RestartMaxDelaySec = "30min";
  };

  # What a unit with a private view sees of its instance, besides `readOnly`.
  view =
    name: instance: readOnly:
    let
      isLocal = layout.isLocal instance;
    in
    sandbox.privateView
    // {
      BindReadOnlyPaths =
        sandbox.privateView.BindReadOnlyPaths
        ++ lib.optionals (!isLocal) sandbox.remoteView
        ++ sandbox.optional readOnly;
      BindPaths = [
        (layout.stateDirectory name)
        (layout.runtimeDirectory name)
        "/run/${layout.stoppedUnits}"
        "/run/${layout.locks}"
        "/var/cache/backupservice/${name}"
      ]
      ++ sandbox.optional (lib.optional isLocal instance.repository.path);
    };

  run =
    name: instance:
    lib.recursiveUpdate (withProvider name instance) {
      description = "Backup of ${name}";
      documentation = [ "man:backupservice-run(1)" ];
      onSuccess = onSuccess name;
      onFailure = recovery ++ onFailure name;
      serviceConfig =
        view name instance (layout.sources instance)
        // sandbox.capabilities [ "CAP_DAC_READ_SEARCH" ]
        // {
          ExecStart = backupservice [
            "run"
            "--plan"
            (plan name)
          ];
          # Runs after whatever end, also when the executor was killed.
          ExecStopPost = backupservice [
            "recover"
            name
          ];
          # The executor stops its provider itself, and then cleans up.
          KillMode = "mixed";
          TimeoutStopSec = "1h";
          OOMPolicy = "continue";
        }
        // retries;
    };

  snapshots =
    name: instance:
    lib.recursiveUpdate (withProvider name instance) {
      description = "Snapshots of ${name}";
      serviceConfig =
        view name instance [ ]
        // sandbox.capabilities [ ]
        // {
          ExecStart = backupservice [
            "snapshots"
            "--plan"
            (plan name)
          ];
        };
    };

  # As the run, but without the sources, and so without the right to read them.
  maintain =
    name: instance:
    lib.recursiveUpdate (withProvider name instance) {
      description = "Maintenance of the backups of ${name}";
      documentation = [ "man:backupservice-maintain(1)" ];
      onSuccess = onSuccess "${name}-maintain";
      onFailure = onFailure "${name}-maintain";
      serviceConfig =
        view name instance [ ]
        // sandbox.capabilities [ ]
        // {
          ExecStart = backupservice [
            "maintain"
            "--plan"
            (plan name)
          ];
          # Of a maintenance that was killed there shall be a record too.
          ExecStopPost = backupservice [
            "recover"
            "--maintenance"
            name
          ];
          KillMode = "mixed";
          TimeoutStopSec = "1h";
          OOMPolicy = "continue";
        }
        // retries;
    };

  # A restore writes where its operator says, with the owners, modes and
  # attributes that the snapshot has: it sees the whole machine, may change
  # owners, and makes setuid files where there were some. It may not touch the
  # system itself.
  restore =
    name: instance:
    lib.recursiveUpdate (withProvider name instance) {
      description = "Restore of ${name} from snapshot %i";
      documentation = [ "man:backupservice-restore(1)" ];
      onFailure = recovery;
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
              "--snapshot"
            ]
            + " %i";
          ExecStopPost = backupservice [
            "recover"
            "--restore"
            name
          ];
          KillMode = "mixed";
          TimeoutStopSec = "1h";
          ProtectSystem = true;
          ReadOnlyPaths = [ builtins.storeDir ];
          PrivateTmp = false;
          RestrictSUIDSGID = false;
          SystemCallFilter = [
            "@system-service"
            "~@privileged @resources"
            "@chown mknod mknodat"
          ];
        };
    };

  # Makes the directory of a local repository, wherever it is to be.
  prepare =
    name: _:
    lib.recursiveUpdate (common name) {
      description = "Directory of the backup repository of ${name}";
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
in
{
  services =
    name: instance:
    {
      ${layout.prefix name} = run name instance;
      "${layout.prefix name}-snapshots" = snapshots name instance;
      "${layout.prefix name}-maintain" = maintain name instance;
      "${layout.prefix name}-restore@" = restore name instance;
    }
    // lib.optionalAttrs (layout.isLocal instance) {
      "${layout.prefix name}-prepare" = prepare name instance;
    };
}
