# All units that go down when `units` are stopped, and may have to be started again:
# what requires them, what triggers them, and so on.
{ config, lib }:
units:
let
  inherit (config) systemd;

  ofKind =
    kind: lib.mapAttrsToList (name: unit: unit // { name = "${name}.${kind}"; }) systemd."${kind}s";
  all = lib.concatMap ofKind [
    "service"
    "socket"
    "timer"
    "target"
    "path"
  ];

  # Settings of a unit file are strings or lists, each of several words.
  words =
    value: lib.filter (word: word != "") (lib.concatMap (lib.splitString " ") (lib.toList value));
  settings = unit: names: lib.concatMap (name: words (unit.unitConfig.${name} or [ ])) names;

  # NixOS writes the options requires, bindsTo… into unitConfig, but for requiredBy.
  stops = unit: settings unit [ "PropagatesStopTo" ] ++ unit.requiredBy;
  isStoppedBy =
    unit:
    settings unit [
      "Requires"
      "Requisite"
      "BindsTo"
      "PartOf"
      "StopPropagatedFrom"
    ];

  # A socket that keeps listening would start its service again.
  triggered =
    unit:
    let
      stem = lib.removeSuffix ".${kind}" unit.name;
      kind = lib.last (lib.splitString "." unit.name);
      named = {
        socket = unit.socketConfig.Service or "${stem}.service";
        timer = unit.timerConfig.Unit or "${stem}.service";
        path = unit.pathConfig.Unit or "${stem}.service";
      };
    in
    lib.optional (named ? ${kind}) named.${kind};

  names = lib.listToAttrs (
    lib.concatMap (unit: map (alias: lib.nameValuePair alias unit.name) unit.aliases) all
  );
  canonical = name: names.${name} or name;

  # By unit, those that follow it.
  followers = lib.zipAttrs (
    lib.concatMap (
      unit:
      map (other: { ${unit.name} = canonical other; }) (stops unit)
      ++ map (other: { ${canonical other} = unit.name; }) (isStoppedBy unit ++ triggered unit)
    ) all
  );
in
lib.naturalSort (
  map (item: item.key) (
    lib.genericClosure {
      startSet = map (key: { inherit key; }) (units ++ map canonical units);
      operator = item: map (key: { inherit key; }) (followers.${item.key} or [ ]);
    }
  )
)
