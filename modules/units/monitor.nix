# Looks after backups and tells about them: after each run, and now and then.
{
  lib,
  cfg,
  layout,
  sandbox,
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
in
forMachine {
  systemd.services.backupservice-watch = {
    description = "Watch over backups";
    documentation = [ "man:backupservice(1)" ];
    wants = lib.optional (!isLocal) "network-online.target";
    after = lib.optional (!isLocal) "network-online.target";
    # A switch is no reason to tell anything; every backup starts it, however many there are.
    restartIfChanged = false;
    startLimitIntervalSec = 0;
    environment = {
      DBUS_SYSTEM_BUS_ADDRESS = "unix:path=/run/dbus/system_bus_socket";
      # Of Apprise, which keeps nothing.
      HOME = "/tmp";
    };
    serviceConfig =
      sandbox.base
      // sandbox.privateView
      // sandbox.network { inherit isLocal; }
      // sandbox.capabilities [ ]
      // {
        Type = "oneshot";
        User = layout.notifyUser;
        Group = layout.notifyUser;
        StateDirectory = layout.events;
        RuntimeDirectory = layout.notifyRuntime;
        RuntimeDirectoryMode = "0700";
        RuntimeDirectoryPreserve = true;
        ExecStart = backupservice [
          "watch"
          "--config"
          "${notify.config}"
        ];
        TimeoutStartSec = "30min";
        BindReadOnlyPaths =
          sandbox.privateView.BindReadOnlyPaths
          ++ [
            "/etc/backupservice"
            "/var/lib/backupservice"
            "-/etc/localtime"
            "-/etc/static"
          ]
          ++ lib.optionals (!isLocal) sandbox.remoteView;
        BindPaths = [
          "/var/lib/${layout.events}"
          "/run/${layout.notifyRuntime}"
        ]
        ++ lib.optionals (metrics.textfile != null) (sandbox.optional [ (dirOf metrics.textfile) ]);
        LoadCredential = lib.mapAttrsToList sandbox.credential credentials;
        # In the place of a file that is missing, so that all others are told.
        SetCredential = map (id: "${id}:\\n") (lib.attrNames credentials);
      };
  };

  systemd.timers.backupservice-watch = {
    description = "Now and then look after backups that were not made";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnBootSec = "5min";
      OnUnitInactiveSec = "15min";
    };
  };

  systemd.tmpfiles.rules = lib.optional (
    metrics.textfile != null
  ) "d ${dirOf metrics.textfile} 0755 ${layout.notifyUser} ${layout.notifyUser} -";
}
