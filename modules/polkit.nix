# The executor asks systemd to start hooks and to stop services. polkit lets it
# do so for the units that the plans name, and no others.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ./layout.nix { inherit lib utils; };

  enabled = lib.filterAttrs (_: instance: instance.enable) cfg.instances;

  steps = lib.concatLists (
    lib.mapAttrsToList (
      name: instance:
      map (hook: hook.unit) (layout.allHooks name instance)
      ++ lib.concatMap (stream: [
        stream.dumpUnit
        stream.loadUnit
      ]) (layout.streams name instance)
    ) enabled
  );

  stopped = lib.unique (
    lib.concatMap (instance: instance.quiesce.units ++ instance.restore.units) (lib.attrValues enabled)
  );

  # Stopping a unit also stops what requires it, and that must come back too.
  dependants =
    unit:
    lib.mapAttrsToList (name: _: "${name}.service") (
      lib.filterAttrs (
        _: service:
        lib.elem unit (service.requires ++ service.bindsTo ++ service.partOf ++ service.requisite)
      ) config.systemd.services
    );
  withDependants =
    units:
    map (item: item.key) (
      lib.genericClosure {
        startSet = map (key: { inherit key; }) units;
        operator = item: map (key: { inherit key; }) (dependants item.key);
      }
    );

  # A socket that is left listening would start its service again.
  triggers = lib.concatMap (
    unit:
    let
      name = lib.removeSuffix ".service" unit;
    in
    lib.concatMap (kind: lib.optional (config.systemd."${kind}s" ? ${name}) "${name}.${kind}") [
      "socket"
      "timer"
      "path"
    ]
  );

  allowed = lib.naturalSort (
    lib.unique (
      map (unit: "${unit}.service") steps ++ withDependants stopped ++ triggers (withDependants stopped)
    )
  );
in
{
  config = lib.mkIf (enabled != { }) {
    security.polkit.enable = true;
    security.polkit.extraConfig = ''
      // backupservice: the executor may start and stop what its plans name.
      (function () {
        var units = ${builtins.toJSON allowed};
        polkit.addRule(function (action, subject) {
          if (
            action.id == "org.freedesktop.systemd1.manage-units" &&
            subject.user == "backupservice" &&
            ["start", "stop", "reset-failed"].indexOf(action.lookup("verb")) >= 0 &&
            units.indexOf(action.lookup("unit")) >= 0
          ) {
            return polkit.Result.YES;
          }
          // No sleep while it works.
          if (
            action.id == "org.freedesktop.login1.inhibit-block-sleep" &&
            subject.user == "backupservice"
          ) {
            return polkit.Result.YES;
          }
        });
      })();
    '';
  };
}
