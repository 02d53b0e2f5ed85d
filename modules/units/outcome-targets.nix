# What users hang their own units on: reached when a run or maintenance has ended.
{ forMachine, ... }:
let
  # They end at once, so as to be reached again.
  target = description: {
    inherit description;
    unitConfig.StopWhenUnneeded = true;
  };
in
{
  systemd.targets = forMachine {
    "backupservice-success@" = target "The backup %i succeeded";
    "backupservice-failure@" = target "The backup %i failed";
  };
}
