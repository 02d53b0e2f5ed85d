# Which units of systemd our users may start and stop, and no others.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };

  enabled = layout.enabled cfg.instances;

  # A rule by which `user` may do to `units` what `verbs` say.
  allow =
    {
      user,
      verbs,
      units,
    }:
    ''
      polkit.addRule(function (action, subject) {
        if (
          action.id == "org.freedesktop.systemd1.manage-units" &&
          subject.user == ${builtins.toJSON user} &&
          ${builtins.toJSON verbs}.indexOf(action.lookup("verb")) >= 0 &&
          ${builtins.toJSON units}.indexOf(action.lookup("unit")) >= 0
        ) {
          return polkit.Result.YES;
        }
      });
    '';

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

  planned = lib.naturalSort (
    lib.unique (
      map (unit: "${unit}.service") steps ++ import ./stopped-units.nix { inherit config lib; } stopped
    )
  );

  unitsOf =
    suffixes:
    lib.concatMap (name: map (suffix: "${layout.prefix name}${suffix}.service") suffixes) (
      lib.attrNames enabled
    );

  rules = [
    # The executor starts hooks, and stops services, that the plans name.
    (allow {
      user = "backupservice";
      verbs = [
        "start"
        "stop"
        "reset-failed"
      ];
      units = planned;
    })
    # No sleep while it works.
    ''
      polkit.addRule(function (action, subject) {
        if (
          action.id == "org.freedesktop.login1.inhibit-block-sleep" &&
          subject.user == "backupservice"
        ) {
          return polkit.Result.YES;
        }
      });
    ''
  ]
  # Who tells about backups may start the hooks for that.
  ++ lib.optional (cfg.notify.hooks != { }) (allow {
    user = layout.notifyUser;
    verbs = [ "start" ];
    units = map (name: "${layout.notifyHook name}.service") (lib.attrNames cfg.notify.hooks);
  })
  # The daemon on D-Bus does what those ask for whom access/dbus.nix allows it.
  ++ lib.optionals cfg.bus.enable [
    (allow {
      user = layout.busUser;
      verbs = [ "start" ];
      units = unitsOf [
        ""
        "-snapshots"
      ];
    })
    (allow {
      user = layout.busUser;
      verbs = [ "stop" ];
      units = unitsOf [
        ""
        "-maintain"
      ];
    })
  ];
in
{
  config = lib.mkIf (enabled != { }) {
    security.polkit.enable = true;
    security.polkit.extraConfig =
      "// backupservice: what its own users may do.\n" + lib.concatStrings rules;
  };
}
