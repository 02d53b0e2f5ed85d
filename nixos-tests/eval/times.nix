# Time spans and calendar events: systemd itself reads them when the system is built,
# also one for another platform.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  inherit (import ./common { inherit lib evalNixos; }) good;

  # Builds what checks them.
  check =
    settings: args:
    let
      inherit
        ((evalNixos [
          {
            backupservice = lib.recursiveUpdate {
              instances.x = good;
              notify.hooks.wall.command = "wall";
            } settings;
          }
          args
        ]).config.system
        )
        checks
        ;
      ours = lib.filter (check: check.name == "backupservice-times") checks;
    in
    map builtins.readFile ours;

  refused = settings: msg: {
    expr = check settings { };
    expectedError.msg = msg;
  };
in
{
  "times that systemd reads" = {
    expr = check {
      instances.x = {
        schedule = "Mon..Fri 03:30 Europe/Berlin";
        maintenance.schedule = "Sun *-*-1..7 05:00 UTC";
        randomizedDelay = "1h 30min";
        hooks.beforeBackup = [
          {
            command = "true";
            timeout = "infinity";
          }
        ];
      };
      instances.y = lib.recursiveUpdate good {
        repository.path = "/srv/backup/y";
        maintenance.schedule = null;
      };
      notify.grace = "2 days";
    } { };
    expected = [ "" ];
  };

  "a schedule" = refused { instances.x.schedule = "dayly"; } ''
    backupservice.instances.x.schedule: systemd cannot read the calendar event "dayly".
    .*The timer would never start anything.
    .*Write it as in systemd.time\(7\), such as "Mon..Fri 03:30".'';

  "a schedule in an unknown time zone" = refused {
    instances.x.schedule = "daily Europe/Berlln";
  } "instances.x.schedule: systemd cannot read the calendar event \"daily Europe/Berlln\"";

  "a maintenance schedule" = refused {
    instances.x.maintenance.schedule = "Sunday at 5";
  } "instances.x.maintenance.schedule: systemd cannot read the calendar event \"Sunday at 5\"";

  "a delay" = refused { instances.x.randomizedDelay = "1 huor"; } ''
    backupservice.instances.x.randomizedDelay: systemd cannot read the time span "1 huor".
    .*systemd would ignore it, and use its own default.
    .*Write it as in systemd.time\(7\), such as "1h 30min".'';

  "a hook's timeout" = refused {
    instances.x.hooks.afterBackup = [
      {
        command = "true";
        timeout = "soon";
      }
    ];
  } "instances.x.hooks.afterBackup, hook 1, timeout: systemd cannot read the time span \"soon\"";

  "times of notifications" = refused {
    notify.grace = "-1h";
  } "backupservice.notify.grace: systemd cannot read the time span \"-1h\"";

  "the timeout of a notification hook" = refused {
    notify.hooks.wall.timeout = "1 minte";
  } "backupservice.notify.hooks.wall.timeout: systemd cannot read the time span \"1 minte\"";

  "a system for another platform" = {
    expr = check { instances.x.schedule = "dayly"; } {
      _module.args.pkgs = lib.mkForce (
        pkgs
        // {
          buildPackages = pkgs;
          # What the host platform's own systemd cannot do on this machine.
          systemd = throw "the build platform's systemd is to be asked";
          stdenv = pkgs.stdenv // {
            buildPlatform = pkgs.stdenv.buildPlatform // {
              canExecute = _: false;
            };
          };
        }
      );
      systemd.package = pkgs.systemd;
    };
    expectedError.msg = "systemd cannot read the calendar event \"dayly\"";
  };
}
