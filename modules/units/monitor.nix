# The monitor: checks backups and sends notifications, after each run and every 15 minutes.
{
  lib,
  cfg,
  layout,
  sandbox,
  enabled,
  forMachine,
  backupservice,
  ...
}:
let
  inherit (cfg) metrics notify;

  urls =
    kind: channels:
    lib.mapAttrs' (name: channel: lib.nameValuePair "${kind}-${name}" channel.urlFile) channels;
  credentials = urls "apprise" notify.apprise // urls "ping" notify.ping;

  isLocal = credentials == { };

  # What sends notifications, started with these arguments.
  monitor = description: arguments: {
    inherit description;
    documentation = [ "man:backupservice(1)" ];
    wants = lib.optional (!isLocal) "network-online.target";
    after = lib.optional (!isLocal) "network-online.target";
    # A switch is no reason to notify. Each run starts it, without a limit.
    restartIfChanged = false;
    startLimitIntervalSec = 0;
    environment = {
      DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
      # Apprise wants one, and keeps nothing there.
      HOME = "/tmp";
    };
    serviceConfig =
      sandbox.base
      // sandbox.privateView
      // sandbox.network { inherit isLocal; }
      // sandbox.capabilities [ ]
      // {
        Type = "oneshot";
        # For the id of the boot.
        ProcSubset = "all";
        User = layout.notifyUser;
        Group = layout.notifyUser;
        StateDirectory = layout.events;
        RuntimeDirectory = layout.monitorRuntime;
        # Copies of its state, for everybody; the file with a secret is for itself. What it
        # hands to hooks is where only root may exchange it.
        RuntimeDirectoryMode = "0755";
        RuntimeDirectoryPreserve = true;
        # Specifiers in the arguments are for systemd.
        ExecStart =
          backupservice [
            "watch"
            "--config"
            "${notify.config}"
          ]
          + arguments;
        TimeoutStartSec = "30min";
        BindReadOnlyPaths =
          sandbox.privateView.BindReadOnlyPaths
          ++ [
            "/etc/backupservice"
            "/var/lib/backupservice"
            "-/etc/localtime"
            "-/etc/static"
            # Schedules with a time zone.
            "-/etc/zoneinfo"
          ]
          ++ lib.optionals (!isLocal) sandbox.remoteView;
        BindPaths = [
          "/var/lib/${layout.events}"
          "/run/${layout.monitorRuntime}"
        ]
        ++ sandbox.optional (map layout.notifyInput (lib.attrNames notify.hooks))
        ++ lib.optionals (metrics.textfile != null) (sandbox.optional [ (dirOf metrics.textfile) ]);
        LoadCredential = lib.mapAttrsToList sandbox.credential credentials;
        # Takes the place of a missing file, so that all other channels still work.
        SetCredential = map (id: "${id}:\\n") (lib.attrNames credentials);
      };
  };
in
lib.mkMerge [
  (forMachine {
    systemd.services = {
      backupservice-watch = monitor "Monitor backups and send notifications" "";
      "backupservice-notify-test@" = monitor "Test of the notification channel %i" " --test %i";
    };

    systemd.timers.backupservice-watch = {
      description = "Regular check for overdue backups";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "5min";
        OnUnitInactiveSec = "15min";
      };
    };

    systemd.tmpfiles.rules =
      lib.optional (metrics.textfile != null)
        "d ${sandbox.tmpfilesPath (dirOf metrics.textfile)} 0755 ${layout.notifyUser} ${layout.notifyUser} -";
  })
  # Nobody writes it any more: what it says would be exported for ever.
  (lib.mkIf (enabled == { } && metrics.textfile != null) {
    systemd.tmpfiles.rules = [ "r ${sandbox.tmpfilesPath metrics.textfile}" ];
  })
]
