# Units that look after backups and tell about them.
{
  config,
  lib,
  pkgs,
  layout,
  sandbox,
  backupservice,
  ...
}:
let
  identity = import ./identity.nix { inherit config lib; };

  inherit (config.backupservice) metrics notify;

  user = "backupservice-notify";

  urls =
    kind: channels:
    lib.mapAttrs' (name: channel: lib.nameValuePair "${kind}-${name}" channel.urlFile) channels;
  credentials = urls "apprise" notify.apprise // urls "ping" notify.ping;

  isLocal = credentials == { };

  watch = {
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
        User = user;
        Group = user;
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

  hookUnit =
    name: hook:
    let
      unit = layout.notifyHook name;
    in
    {
      ${unit} = {
        description = "Hook ${name} for news of backups";
        restartIfChanged = false;
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.common
          // (if hook.user == null then { DynamicUser = true; } else identity.of hook.user)
          // {
            Type = "oneshot";
            # Opened before the identity is taken on.
            StandardInput = "file:${layout.notifyInput name}";
            StandardOutput = "journal";
            StandardError = "journal";
            ExecStart = pkgs.writeShellScript unit ''
              set -euo pipefail
              ${hook.command}
            '';
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

  # Any of these users.
  unitConfig.ConditionUser = map (name: "|${name}") notify.desktop.users;
in
{
  services = {
    backupservice-watch = watch;
  }
  // lib.mergeAttrsList (lib.mapAttrsToList hookUnit notify.hooks);

  timers.backupservice-watch = {
    description = "Now and then look after backups that were not made";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnBootSec = "5min";
      OnUnitInactiveSec = "15min";
    };
  };

  user = lib.mkIf (notify.desktop.users != [ ]) {
    services.backupservice-notify-desktop = {
      description = "Show news of backups";
      inherit unitConfig;
      wantedBy = [ "default.target" ];
      # It waits for what can show something, so nothing may wait for it.
      serviceConfig = {
        Type = "exec";
        ExecStart = backupservice [ "notify-desktop" ];
        Restart = "on-failure";
        RestartSec = "1min";
      };
    };
    paths.backupservice-notify-desktop = {
      description = "News of backups";
      inherit unitConfig;
      wantedBy = [ "default.target" ];
      pathConfig.PathChanged = "/var/lib/${layout.events}/events.json";
    };
  };
}
