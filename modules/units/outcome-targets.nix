# Targets for users' own units: reached when a run or maintenance has ended.
{ forMachine, ... }:
let
  # They stop at once, so that they can be reached again.
  target = description: {
    inherit description;
    unitConfig.StopWhenUnneeded = true;
  };
in
{
  systemd.targets = forMachine {
    "backupservice-success@" = target "Backup %i succeeded";
    "backupservice-failure@" = target "Backup %i failed";
  };
}
