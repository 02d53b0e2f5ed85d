# System users: one for backups, which reads sources and owns repositories, one for the
# monitor, and one for the D-Bus service.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };

  systemUser = name: description: {
    users.users.${name} = {
      inherit description;
      isSystemUser = true;
      group = name;
    };
    users.groups.${name} = { };
  };
in
{
  config = lib.mkIf (layout.enabled cfg.instances != { }) (
    lib.mkMerge [
      (systemUser "backupservice" "Backups")
      {
        users.users.backupservice.uid = cfg.uid;
        users.groups.backupservice.gid = cfg.uid;

        environment.systemPackages = [ cfg.package ];
      }
      (systemUser layout.notifyUser "Backup notifications")
      (lib.mkIf cfg.bus.enable (systemUser layout.busUser "D-Bus service for backups"))
    ]
  );
}
