# Desktop notifications, from a unit in each user's own systemd.
{
  lib,
  cfg,
  layout,
  enabled,
  backupservice,
  ...
}:
let
  inherit (cfg.notify.desktop) users;

  # Any of these users.
  unitConfig.ConditionUser = map (name: "|${name}") users;
in
{
  systemd.user = lib.mkIf (enabled != { } && users != [ ]) {
    services.backupservice-notify-desktop = {
      description = "Show desktop notifications about backups";
      # Each event starts it, however many come at once.
      unitConfig = unitConfig // {
        StartLimitIntervalSec = 0;
      };
      wantedBy = [ "default.target" ];
      # It waits for a notification service, so nothing may wait for it.
      serviceConfig = {
        Type = "exec";
        ExecStart = backupservice [ "notify-desktop" ];
        Restart = "on-failure";
        RestartSec = "1min";
      };
    };
    paths.backupservice-notify-desktop = {
      description = "Watch for backup events";
      inherit unitConfig;
      wantedBy = [ "default.target" ];
      # The second, should the first not be writable.
      pathConfig.PathChanged = [
        "/var/lib/${layout.events}/events.json"
        "/run/${layout.monitorRuntime}/events.json"
      ];
    };
  };
}
