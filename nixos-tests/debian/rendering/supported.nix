# Which of NixOS's options a node may set: those whose effect the harness renders.
# Setting any other is an error, for its effect would be missing in the container.
# Options that a test or the project declares itself are free.
{ lib, baseline }:
let
  supported = [
    "_module"
    "assertions"
    "warnings"
    "meta"
    "environment.etc"
    "environment.systemPackages"
    "fileSystems"
    "networking.hostName"
    "security.polkit"
    "services.dbus.packages"
    "services.deluge"
    "services.lldap"
    "services.miniflux"
    "services.mosquitto"
    "services.mysql"
    "services.openssh"
    "services.postgresql"
    "services.prometheus"
    "services.radicale"
    "services.redis"
    "services.syncthing"
    "services.transmission"
    "system.checks"
    "system.stateVersion"
    "systemd.mounts"
    "systemd.paths"
    "systemd.services"
    "systemd.slices"
    "systemd.sockets"
    "systemd.targets"
    "systemd.timers"
    "systemd.tmpfiles"
    "systemd.user.paths"
    "systemd.user.services"
    "users.groups"
    "users.users"
    "virtualisation"
  ];

  unsupported =
    path: value:
    let
      name = lib.concatStringsSep "." path;
      known = lib.attrByPath path null baseline.options;
    in
    if value._type or null == "if" then
      lib.optionals value.condition (unsupported path value.content)
    else if value._type or null == "merge" then
      lib.concatMap (unsupported path) value.contents
    else if value ? _type && value ? content then
      unsupported path value.content
    else if known == null || lib.elem name supported then
      [ ]
    else if lib.isOption known then
      [ name ]
    else
      lib.concatLists (lib.mapAttrsToList (key: unsupported (path ++ [ key ])) value);

  # As lib.evalModules reads a module, of which it keeps the parts to itself.
  inModule =
    evaluated: module:
    let
      loaded = if builtins.isPath module || lib.isString module then import module else module;
      available = {
        inherit (evaluated) config options;
        inherit lib;
        modulesPath = <nixpkgs/nixos/modules>;
      };
      arguments = lib.mapAttrs (name: _: available.${name} or evaluated._module.args.${name}) (
        lib.functionArgs loaded
      );
      applied = if lib.isFunction loaded then loaded (available // arguments) else loaded;
      config =
        if applied ? config || applied ? options then
          applied.config or { }
        else
          removeAttrs applied [
            "_file"
            "imports"
            "key"
          ];
    in
    unsupported [ ] config ++ lib.concatMap (inModule evaluated) (applied.imports or [ ]);
in
# evaluated: a node's configuration; module: what the test says of it.
evaluated: module: lib.unique (inModule evaluated module)
