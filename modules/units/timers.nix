# Schedules of backups and maintenance.
{
  lib,
  layout,
  forInstances,
  ...
}:
let
  timer = instance: schedule: description: {
    inherit description;
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = schedule;
      Persistent = true;
      RandomizedDelaySec = instance.randomizedDelay;
      FixedRandomDelay = true;
    };
  };
in
{
  systemd.timers = forInstances (
    name: instance:
    {
      ${layout.prefix name} = timer instance instance.schedule "Schedule of the backup of ${name}";
    }
    // lib.optionalAttrs (instance.maintenance.schedule != null) {
      "${layout.prefix name}-maintain" =
        timer instance instance.maintenance.schedule
          "Schedule of the maintenance of ${name}";
    }
  );
}
