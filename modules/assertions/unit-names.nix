# Two units of one name.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.backupservice;

  inherit (import ./common.nix { inherit config lib utils; })
    layout
    refuseIf
    ;

  # Every generated unit with the instances that generate it.
  owners = lib.zipAttrs (
    lib.concatLists (
      lib.mapAttrsToList (name: instance: map (unit: { ${unit} = name; }) (layout.units name instance)) (
        layout.enabled cfg.instances
      )
    )
    ++ [
      { backupservice-secrets = "the secrets service"; }
      { backupservice-recover = "the recovery at boot"; }
      { backupservice-bus = "the daemon on D-Bus"; }
      { backupservice-catalog = "the journal's catalog"; }
      { backupservice-watch = "the watch"; }
    ]
    ++ lib.mapAttrsToList (name: _: {
      ${layout.notifyHook name} = "backupservice.notify.hooks.${name}";
    }) cfg.notify.hooks
  );

  collisions = lib.mapAttrsToList (
    unit: names:
    refuseIf (lib.length names > 1) ''
      backupservice.instances: the unit "${unit}.service" would be generated ${toString (lib.length names)} times, for ${lib.concatStringsSep " and " (lib.unique names)}.
      One would quietly take the place of the other.
      Rename an instance, a hook or a stream.
    ''
  ) owners;
in
{
  assertions = collisions;
}
