# Refusals of notification channels and metrics.
{ lib, evalNixos, ... }:
let
  # The messages of our assertions that fail for an instance `x` with these
  # settings on top of good ones.
  refusalsOf =
    modules:
    let
      system = evalNixos modules;
    in
    map (assertion: assertion.message) (
      lib.filter (assertion: !assertion.assertion) (
        lib.concatMap (definition: definition.value) (
          lib.filter (
            definition: lib.hasInfix "/modules/assertions/" definition.file
          ) system.options.assertions.definitionsWithLocations
        )
      )
    );

  good = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/x" ];
    repository.path = "/srv/backup/x";
  };
in
{
  "channels without a recipient, and metrics in the wrong place" =
    let
      of =
        settings:
        refusalsOf [
          {
            backupservice = lib.recursiveUpdate { instances.x = good; } settings;
          }
        ];
    in
    {
      expr = map (settings: map (message: lib.head (lib.splitString "\n" message)) (of settings)) [
        {
          notify = {
            apprise.phone.urlFile = "/run/secrets/phone";
            ping.x = {
              urlFile = "/run/secrets/ping";
              instances = [ "x" ];
            };
            hooks.wall.command = "wall";
          };
          metrics.textfile = "/var/lib/metrics/backup.prom";
        }
        { notify.ping."a b".urlFile = "/run/secrets/ping"; }
        {
          notify.ping.y = {
            urlFile = "/run/secrets/ping";
            instances = [ "y" ];
          };
        }
        {
          notify.hooks.h = {
            command = "wall";
            user = "nobody-there";
          };
        }
        { notify.desktop.users = [ "nobody-there" ]; }
        { metrics.textfile = "/metrics.prom"; }
        { metrics.textfile = "/var/lib/metrics/backup.txt"; }
        {
          instances.notify-h = good // {
            repository.path = "/srv/backup/h";
          };
          notify.hooks.h.command = "wall";
        }
      ];
      expected = [
        [ ]
        [
          "backupservice.notify.ping.a b: the name contains characters other than letters, digits, \"_\", \".\" and \"-\", or starts with one of the last two."
        ]
        [ "backupservice.notify.ping.y.instances: there is no enabled instance \"y\"." ]
        [
          "backupservice.notify.hooks.h.user: the user \"nobody-there\" exists neither in users.users nor as the DynamicUser of a service."
        ]
        [ "backupservice.notify.desktop.users: there is no user \"nobody-there\"." ]
        [
          "backupservice.metrics.textfile: \"/metrics.prom\" is not an absolute path of a file in a directory of its own."
        ]
        [ "backupservice.metrics.textfile: \"/var/lib/metrics/backup.txt\" does not end in \".prom\"." ]
        [
          "backupservice.instances: the unit \"backupservice-notify-h.service\" would be generated 2 times, for notify-h and backupservice.notify.hooks.h."
        ]
      ];
    };

  "a channel's URL in the store" = {
    expr =
      (evalNixos [
        {
          backupservice.instances.x = good;
          backupservice.notify.apprise.phone.urlFile =
            "${builtins.storeDir}/00000000000000000000000000000000-url";
        }
      ]).config.systemd.units."backupservice-watch.service".text;
    expectedError.msg = "backupservice.notify.apprise.phone.urlFile: \".*\" is in the Nix store";
  };
}
