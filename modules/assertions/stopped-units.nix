# Checks of the units that a backup or a restore stops: a typing error would leave
# running what writes the data.
{
  config,
  lib,
  utils,
  ...
}:
let
  inherit (import ./common.nix { inherit config lib utils; }) layout refuseIf;

  kinds = [
    "service"
    "socket"
    "timer"
    "target"
    "path"
  ];

  inherit (config.systemd) units;
  aliases = lib.concatMap (unit: unit.aliases) (lib.attrValues units);

  # `worker@1.service` is an instance of `worker@.service`.
  template =
    unit:
    let
      parts = builtins.match "([^@]+@)[^@]+([.][a-z]+)" unit;
    in
    if parts == null then unit else lib.concatStrings parts;

  exists = unit: units ? ${unit} || units ? ${template unit} || lib.elem unit aliases;

  nearest =
    unit:
    let
      candidates = lib.filter (name: lib.elem (kindOf name) kinds) (lib.attrNames units ++ aliases);
      distances = map (name: {
        inherit name;
        distance = lib.strings.levenshtein unit name;
      }) candidates;
      nearer = a: b: if b.distance < a.distance then b else a;
      completed = lib.filter exists (map (kind: "${unit}.${kind}") kinds);
    in
    if completed != [ ] then
      lib.head completed
    else
      (lib.foldl' nearer (lib.head distances) distances).name;

  stem = unit: lib.removeSuffix ".${kindOf unit}" unit;
  kindOf = unit: lib.last (lib.splitString "." unit);

  checkUnit =
    field: consequence: unit:
    if kindOf unit == "scope" then
      refuseIf true ''
        ${field}: "${unit}" is a scope.
        systemd can stop a scope but not start it again: a running program creates it.
        Name the service that writes the data.
      ''
    else if !lib.elem (kindOf unit) kinds then
      refuseIf true ''
        ${field}: "${unit}" does not end in ".service", ".socket", ".timer", ".target" or ".path".
        The kind of unit is part of its name, and units of other kinds cannot be stopped and started again.
        Did you mean "${nearest unit}"?
      ''
    else
      refuseIf (!exists unit) ''
        ${field}: there is no unit "${unit}" in this configuration.
        ${consequence}
        Did you mean "${nearest unit}"? A unit that only a package provides is known once systemd.${kindOf unit}s."${stem unit}".overrideStrategy = "asDropin" is set.
      '';

  checkInstance =
    name: instance:
    let
      field = "backupservice.instances.${name}";
    in
    map (checkUnit "${field}.quiesce.units" "The backup would not stop what writes the data, and could save an inconsistent state.") instance.quiesce.units
    ++ map (checkUnit "${field}.restore.units" "The restore would not stop what uses the data, which could damage it.") instance.restore.units;
in
{
  assertions = lib.concatLists (
    lib.mapAttrsToList checkInstance (layout.enabled config.backupservice.instances)
  );
}
