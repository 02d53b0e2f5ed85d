# Units that a backup or a restore stops: their names, and what else goes down with
# them and must be allowed to start again.
{ lib, evalNixos, ... }:
let
  inherit (import ./common { inherit lib evalNixos; }) good refusalsOf;

  services =
    { pkgs, ... }:
    {
      systemd.services = {
        home-assistant = {
          aliases = [ "hass.service" ];
          serviceConfig.ExecStart = "${pkgs.coreutils}/bin/true";
        };
        "worker@".serviceConfig.ExecStart = "${pkgs.coreutils}/bin/true";
      };
      systemd.sockets.home-assistant.listenStreams = [ "/run/hass" ];
      systemd.targets.smart-home = { };
    };

  refusals =
    settings:
    refusalsOf [
      services
      { backupservice.instances.x = good // settings; }
    ];
in
{
  "units that exist" = {
    expr = refusals {
      quiesce.units = [
        "home-assistant.service"
        "home-assistant.socket"
        "smart-home.target"
      ];
      restore.units = [
        "hass.service"
        "worker@1.service"
      ];
    };
    expected = [ ];
  };

  "units that do not exist" = {
    expr = refusals {
      quiesce.units = [ "home-asistant.service" ];
      restore.units = [
        "home-assistant"
        "smart-home.service"
      ];
    };
    expected = [
      ''
        backupservice.instances.x.quiesce.units: there is no unit "home-asistant.service" in this configuration.
        The backup would not stop what writes the data, and could save an inconsistent state.
        Did you mean "home-assistant.service"? A unit that only a package provides is known once systemd.services."home-asistant".overrideStrategy = "asDropin" is set.
      ''
      ''
        backupservice.instances.x.restore.units: "home-assistant" does not end in ".service", ".socket", ".timer", ".target" or ".path".
        The kind of unit is part of its name, and units of other kinds cannot be stopped and started again.
        Did you mean "home-assistant.service"?
      ''
      ''
        backupservice.instances.x.restore.units: there is no unit "smart-home.service" in this configuration.
        The restore would not stop what uses the data, which could damage it.
        Did you mean "smart-home.target"? A unit that only a package provides is known once systemd.services."smart-home".overrideStrategy = "asDropin" is set.
      ''
    ];
  };

  "a unit that only a package provides, once it is declared" = {
    expr = refusalsOf [
      {
        systemd.services.packaged.overrideStrategy = "asDropin";
        backupservice.instances.x = good // {
          quiesce.units = [ "packaged.service" ];
        };
      }
    ];
    expected = [ ];
  };

  "a scope" = {
    expr = refusals { quiesce.units = [ "session-1.scope" ]; };
    expected = [
      ''
        backupservice.instances.x.quiesce.units: "session-1.scope" is a scope.
        systemd can stop a scope but not start it again: a running program creates it.
        Name the service that writes the data.
      ''
    ];
  };

  "polkit allows starting again what a stop takes down" =
    let
      inherit
        ((evalNixos [
          {
            backupservice.instances.x = good // {
              quiesce.units = [ "app.service" ];
            };
            systemd = {
              services = {
                app = {
                  aliases = [ "my-app.service" ];
                  requiredBy = [ "required-by.service" ];
                  unitConfig.PropagatesStopTo = "propagated.service also.target";
                };
                propagated = { };
                requires.requires = [ "app.service" ];
                binds.bindsTo = [ "app.service" ];
                part.partOf = [ "my-app.service" ];
                requisite.requisite = [ "app.service" ];
                unit-config.unitConfig.Requires = [ "app.service" ];
                propagated-from.unitConfig.StopPropagatedFrom = "app.service";
                required-by = { };
                of-target.partOf = [ "requiring.target" ];
                wants.wants = [ "app.service" ];
                after.after = [ "app.service" ];
              };
              targets.requiring.requires = [ "app.service" ];
              targets.also = { };
              sockets.app.listenStreams = [ "/run/app" ];
              sockets.other = {
                listenStreams = [ "/run/other" ];
                socketConfig.Service = "app.service";
              };
              sockets.part-socket = {
                partOf = [ "app.service" ];
                listenStreams = [ "/run/part" ];
              };
              timers.nightly.timerConfig = {
                Unit = "app.service";
                OnCalendar = "daily";
              };
              timers.bound.bindsTo = [ "app.service" ];
              paths.watching.pathConfig = {
                Unit = "app.service";
                PathExists = "/run/app-wanted";
              };
              paths.required.requires = [ "other.socket" ];
            };
          }
        ]).config.security.polkit
        )
        extraConfig
        ;
      names = [
        "after.service"
        "also.target"
        "app.service"
        "app.socket"
        "binds.service"
        "bound.timer"
        "nightly.timer"
        "of-target.service"
        "other.socket"
        "part-socket.socket"
        "part.service"
        "propagated-from.service"
        "propagated.service"
        "required-by.service"
        "required.path"
        "requires.service"
        "requiring.target"
        "requisite.service"
        "unit-config.service"
        "wants.service"
        "watching.path"
      ];
    in
    {
      expr = lib.filter (name: !lib.hasInfix "\"${name}\"" extraConfig) names;
      expected = [
        "after.service"
        "wants.service"
      ];
    };
}
