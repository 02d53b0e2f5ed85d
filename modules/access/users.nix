# The users of our own: one that reads sources and owns repositories, one that
# monitors, and one that answers on D-Bus.
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
      (systemUser "backupservice" "Makes backups")
      {
        users.users.backupservice.uid = cfg.uid;
        users.groups.backupservice.gid = cfg.uid;

        environment.systemPackages = [ cfg.package ];
      }
      (systemUser layout.notifyUser "Tells about backups")
      (lib.mkIf cfg.bus.enable (systemUser layout.busUser "Shows backups on D-Bus"))
    ]
  );
}
