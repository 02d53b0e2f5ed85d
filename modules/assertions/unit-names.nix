# Checks that no two generated units have the same name.
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

  # Each generated unit with the instances that generate it.
  owners = lib.zipAttrs (
    lib.concatLists (
      lib.mapAttrsToList (name: instance: map (unit: { ${unit} = name; }) (layout.units name instance)) (
        layout.enabled cfg.instances
      )
    )
    ++ [
      { backupservice-secrets = "the generation of passwords"; }
      { backupservice-recover = "the recovery at boot"; }
      { backupservice-bus = "the D-Bus service"; }
      { backupservice-catalog = "the message catalog"; }
      { backupservice-watch = "the monitor"; }
    ]
    ++ lib.mapAttrsToList (name: _: {
      ${layout.notifyHook name} = "backupservice.notify.hooks.${name}";
    }) cfg.notify.hooks
  );

  collisions = lib.mapAttrsToList (
    unit: names:
    refuseIf (lib.length names > 1) ''
      backupservice.instances: the unit "${unit}.service" would be generated ${toString (lib.length names)} times, for ${lib.concatStringsSep " and " (lib.unique names)}.
      One would silently replace the other.
      Rename an instance, a hook or a stream.
    ''
  ) owners;
in
{
  assertions = collisions;
}
