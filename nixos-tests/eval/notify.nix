# Refusals of notification channels and metrics.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  inherit (import ./common { inherit lib evalNixos; })
    good
    problemsOf
    refusalsOf
    ;
in
{
  "channels without a recipient, and metrics in the wrong place" =
    let
      of =
        settings:
        problemsOf [
          { backupservice = lib.recursiveUpdate { instances.x = good; } settings; }
        ];
    in
    {
      expr = map of [
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
          "backupservice.notify.ping: the name \"a b\" contains characters other than letters, digits, \"_\", \".\" and \"-\", or does not start with a letter or digit."
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

  "metrics in a directory that others use" = {
    expr =
      map
        (
          directory:
          refusalsOf [
            {
              backupservice = {
                instances.x = good;
                metrics.textfile = "${directory}/backup.prom";
              };
              users.users.alice.isNormalUser = true;
              systemd.services.grafana.serviceConfig.StateDirectory = "grafana grafana/plugins";
            }
          ]
        )
        [
          "/tmp"
          "/var/lib"
          "/home/alice"
          "/var/lib/grafana"
          "/var/lib/x"
          "/var/lib/node-exporter/backups"
        ];
    expected =
      map
        (directory: [
          ''
            backupservice.metrics.textfile: the directory "${directory}" of "${directory}/backup.prom" is used by others.
            It would be given to the user backupservice-notify, and nobody else could write to it.
            Write to a directory of its own, such as "/var/lib/backupservice-metrics/backupservice.prom".
          ''
        ])
        [
          "/tmp"
          "/var/lib"
          "/home/alice"
          "/var/lib/grafana"
          "/var/lib/x"
        ]
      ++ [ [ ] ];
  };

  "the metrics file goes with the last instance" = {
    expr =
      map
        (
          instances:
          let
            file = "/var/lib/backupservice-metrics/b.prom";
            inherit
              (evalNixos [
                {
                  backupservice = {
                    inherit instances;
                    metrics.textfile = file;
                  };
                }
              ])
              config
              ;
          in
          lib.filter (lib.hasInfix "backupservice-metrics") config.systemd.tmpfiles.rules
        )
        [
          { x = good; }
          {
            x = good // {
              enable = false;
            };
          }
          { }
        ];
    expected = [
      [ "d /var/lib/backupservice-metrics 0755 backupservice-notify backupservice-notify -" ]
      [ "r /var/lib/backupservice-metrics/b.prom" ]
      [ "r /var/lib/backupservice-metrics/b.prom" ]
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

  "hooks find the programs of their path, and those that the documentation names" =
    let
      inherit
        ((evalNixos [
          {
            backupservice = {
              instances.x = good // {
                hooks.beforeBackup = [
                  {
                    command = "jq . | wall";
                    path = [ pkgs.jq ];
                  }
                ];
              };
              notify.hooks.wall = {
                command = "jq . | wall";
                path = [ pkgs.jq ];
                readWritePaths = [ "/var/lib/alarm" ];
              };
            };
          }
        ]).config.systemd
        )
        services
        ;
      has = unit: map (package: lib.elem package services.${unit}.path) packages;
      packages = with pkgs; [
        jq
        coreutils
        findutils
        gnugrep
        gnused
        util-linux
      ];
      all = map (_: true) packages;
    in
    {
      expr = [
        (has "backupservice-x-before-1")
        (has "backupservice-notify-wall")
        services.backupservice-notify-wall.serviceConfig.ReadWritePaths
      ];
      expected = [
        all
        all
        [ "-/var/lib/alarm" ]
      ];
    };

  "paths to write to that systemd cannot use" = {
    expr = problemsOf [
      {
        backupservice = {
          instances.x = good;
          notify.hooks.log = {
            command = "cat > x/log";
            readWritePaths = [ "x" ];
          };
        };
      }
    ];
    expected = [
      "backupservice.notify.hooks.log.readWritePaths: \"x\" is not an absolute path without \".\", \"..\", quotation marks, backslashes and control characters."
    ];
  };
}
