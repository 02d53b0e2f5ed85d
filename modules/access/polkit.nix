# Which units of systemd our users may start and stop, and no others.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };

  enabled = layout.enabled cfg.instances;

  manage = user: ''
    action.id == "org.freedesktop.systemd1.manage-units" &&
          subject.user == ${builtins.toJSON user}'';

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
          ${manage user} &&
          ${builtins.toJSON verbs}.indexOf(action.lookup("verb")) >= 0 &&
          ${builtins.toJSON units}.indexOf(
            String(action.lookup("unit")).replace(/@.*/, "@.service")
          ) >= 0
        ) {
          return polkit.Result.YES;
        }
      });
    '';

  # A rule by which `user` may do what `callers` say, by unit of the process that asks and by
  # verb. Where polkit cannot tell that unit, each may do what any of them may.
  allowByCaller =
    {
      user,
      callers,
    }:
    ''
      polkit.addRule(function (action, subject) {
        if (!(${manage user})) {
          return;
        }
        var callers = ${
          builtins.toJSON (if tellsCaller then callers else { "" = merge (lib.attrValues callers); })
        };
        var caller = ${
          if tellsCaller then "String(subject.system_unit).replace(/@.*/, \"@.service\")" else "\"\""
        };
        var verbs = callers[caller] || {};
        if ((verbs[action.lookup("verb")] || []).indexOf(action.lookup("unit")) >= 0) {
          return polkit.Result.YES;
        }
      });
    '';

  # polkit has to be told the process by a pidfd that comes from the bus.
  tellsCaller =
    let
      isBroker = config.services.dbus.implementation or "dbus" == "broker";
      version = package: package.version or "999";
    in
    lib.versionAtLeast (version pkgs.polkit) "126"
    && (isBroker || lib.versionAtLeast (version pkgs.dbus) "1.15.8");

  # A name of a rule whose unit file is missing could be given to a unit of any content.
  noTransientUnits = users: ''
    polkit.addRule(function (action, subject) {
      if (
        action.id == "org.freedesktop.systemd1.manage-units" &&
        ${builtins.toJSON users}.indexOf(subject.user) >= 0 &&
        String(action.lookup("polkit.message")).indexOf("transient") >= 0
      ) {
        return polkit.Result.NO;
      }
    });
  '';

  sorted = units: lib.naturalSort (lib.unique units);
  # What is stopped and started again with some units.
  services = import ./stopped-units.nix { inherit config lib; };
  named = map (unit: "${unit}.service");

  # By unit of ours, what it may start, stop and reset.
  callersOf =
    name: instance:
    let
      hooks = kind: named (map (hook: hook.unit) (layout.hooks name instance kind));
      streams = layout.streams name instance;
      dumps = named (map (stream: stream.dumpUnit) streams);
      loads = named (map (stream: stream.loadUnit) streams);
      quiesced = services instance.quiesce.units;
      restored = services instance.restore.units;

      # Undoing a backup and a restore.
      undoBackup = {
        start = hooks "afterBackup" ++ quiesced;
        stop = hooks "beforeBackup" ++ dumps;
        reset-failed = quiesced;
      };
      undoRestore = {
        start = hooks "afterRestore" ++ loads ++ restored;
        stop = hooks "beforeRestore";
        reset-failed = restored;
      };
      backup = {
        start = hooks "beforeBackup" ++ dumps;
        stop = quiesced;
      };
      restore = {
        start = hooks "beforeRestore";
        stop = restored;
      };
    in
    {
      "${layout.prefix name}.service" = merge [
        backup
        undoBackup
      ];
      # Undoes a backup that was interrupted before it.
      "${layout.prefix name}-restore@.service" = merge [
        restore
        undoRestore
        undoBackup
      ];
      "backupservice-recover.service" = merge [
        undoBackup
        undoRestore
      ];
    };
  merge = lib.zipAttrsWith (_: units: sorted (lib.concatLists units));
  callers = lib.zipAttrsWith (_: merge) (lib.mapAttrsToList callersOf enabled);

  unitsOf =
    suffixes:
    lib.concatMap (name: map (suffix: "${layout.prefix name}${suffix}.service") suffixes) (
      lib.attrNames enabled
    );

  rules = [
    (noTransientUnits [
      "backupservice"
      layout.busUser
      layout.notifyUser
    ])
    # The executor starts hooks, and stops services, that the plans name.
    (allowByCaller {
      user = "backupservice";
      inherit callers;
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
      units =
        unitsOf [
          ""
          "-snapshots"
        ]
        # It records what was cancelled.
        ++ [ "backupservice-recover.service" ];
    })
    (allow {
      user = layout.busUser;
      verbs = [ "stop" ];
      units = unitsOf [
        ""
        "-maintain"
        "-restore@"
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
