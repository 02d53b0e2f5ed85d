# Settings of units that run the executor, as the user `backupservice`.
{
  config,
  lib,
  layout,
  sandbox,
  slice,
  ...
}:
let
  stoppedWith = import ../../access/stopped-units.nix { inherit config lib; };
  monitor = [ "backupservice-watch.service" ];
in
rec {
  base = name: {
    # A switch must neither kill a backup nor start one.
    restartIfChanged = false;
    # Starting it often is no error.
    startLimitIntervalSec = 0;
    # The default of D-Bus, /var/run, does not exist in the private view.
    environment.DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
    serviceConfig = {
      Type = "oneshot";
      User = "backupservice";
      Group = "backupservice";
      Slice = slice name;
      LogExtraFields = "BACKUP_INSTANCE=${name}";
      RuntimeDirectory = runtimeDirectories name [ ];
      RuntimeDirectoryPreserve = true;
    };
  };

  # Of an instance, of what instances share, and of claims on units and all that goes down with
  # them. No other claim can be made.
  runtimeDirectories =
    name: units:
    lib.concatStringsSep " " (
      [
        "backupservice/${name}"
        layout.locks
      ]
      ++ claims units
    );
  claims = units: map layout.stoppedUnit (stoppedWith units);

  # What systemd is asked with, by units that start and stop others. Nothing else orders them
  # against it: when the machine shuts down, it would be gone before they have ended.
  bus = [
    "dbus.service"
    "polkit.service"
  ];

  # For WantsMountsFor=: the file systems of a local repository, and of the sources.
  repositoryMount =
    instance: lib.optional (layout.isLocal instance) (sandbox.word instance.repository.path);
  sourceMounts = instance: map sandbox.word (layout.sources instance);

  # How work ends that is stopped: the executor stops its provider (within 30 seconds) and what it
  # has started (systemd, within a minute), and undoes what it has changed. As long as
  # systemd works on that for it, and the machine is not shutting down, it asks for more time.
  stopping = {
    KillMode = "mixed";
    TimeoutStopSec = "90s";
  };

  # Settings of a unit that calls the provider.
  withProvider =
    name: instance:
    let
      isLocal = layout.isLocal instance;
      credentials = layout.credentials instance;
      needed =
        lib.optional (layout.generatesPassword instance && isLocal) "${layout.secretsUnit instance}.service"
        ++ [ (if isLocal then "${layout.prefix name}-prepare.service" else "network-online.target") ];
    in
    lib.recursiveUpdate (base name) {
      wants = needed;
      after = bus ++ needed;
      unitConfig.WantsMountsFor = repositoryMount instance;
      serviceConfig =
        sandbox.base
        // sandbox.network { inherit isLocal; }
        // {
          NotifyAccess = "exec";
          StateDirectory = "backupservice/${name} ${layout.holders}";
          CacheDirectory = "backupservice/${name}";
          LoadCredential = lib.mapAttrsToList sandbox.credential credentials;
          # Takes the place of a missing file, so that the executor reports it
          # instead of systemd with status 243/CREDENTIALS.
          SetCredential = map (id: "${id}:\\n") (lib.attrNames credentials);
        };
    };

  # Only a backup creates a repository on the network, and so generates its password.
  generating =
    instance: lib.optional (layout.asksFirst instance) "${layout.secretsUnit instance}.service";

  # What a unit with a private view sees of its instance: `readOnly`, and its own files.
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
        ++ sandbox.optional (
          [
            layout.demandDirectory
            # Whether a restore was interrupted.
            (layout.restoreDirectory name)
          ]
          ++ readOnly
        );
      BindPaths = [
        (layout.stateDirectory name)
        (layout.runtimeDirectory name)
        "/run/${layout.locks}"
        "/var/lib/${layout.holders}"
        "/var/cache/backupservice/${name}"
      ]
      ++ sandbox.optional (lib.optional isLocal instance.repository.path);
    };

  # In case `recover` was killed as well. Otherwise it has nothing to do.
  recovery = [ "backupservice-recover.service" ];

  # Units to start after a run or maintenance, by the name of its unit.
  onSuccess = unit: monitor ++ [ "backupservice-success@${unit}.target" ];
  onFailure = unit: monitor ++ [ "backupservice-failure@${unit}.target" ];

  # A transient failure is retried after 1, 3, 10 and 30 minutes. The executor counts
  # the attempts, and exits with another status after the last one.
  retries = {
    RestartForceExitStatus = 75;
    RestartMode = "direct";
    RestartSec = "1min";
    RestartSteps = 3;
    RestartMaxDelaySec = "30min";
  };
}
