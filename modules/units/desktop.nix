# Shows what happened on the desktops of users, in their own systemd.
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
