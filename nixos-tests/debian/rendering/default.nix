# Renders the nodes of NixOS tests: what differs from an empty node, as one manifest
# each, with everything in the store that it refers to.
{ tests }:
let
  lib = import <nixpkgs/lib>;
  pkgs = import ../stand-in { inherit lib; };

  evalNode =
    name: modules:
    import <nixpkgs/nixos/lib/eval-config.nix> {
      inherit lib pkgs;
      system = null;
      modules = [ (import ./node.nix name) ] ++ modules;
      specialArgs = { };
    };

  # polkit is there, but its rules are a node's own matter.
  baseline = evalNode "baseline" [ { security.polkit.enable = true; } ];

  findUnsupported = import ./supported.nix { inherit lib baseline; };

  evalTest =
    file:
    (lib.evalModules {
      modules = [
        file
        {
          config._module.args = {
            inherit pkgs;
            hostPkgs = pkgs;
          };
          options = {
            name = lib.mkOption { type = lib.types.str; };
            meta = lib.mkOption {
              type = lib.types.raw;
              default = { };
            };
            defaults = lib.mkOption {
              type = lib.types.deferredModule;
              default = { };
            };
            nodes = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.deferredModule; };
            testScript = lib.mkOption { type = lib.types.raw; };
          };
        }
      ];
    }).config;

  renderTest =
    file:
    let
      test = evalTest file;
      nodes = lib.mapAttrs (
        name: module:
        evalNode name [
          test.defaults
          module
        ]
      ) test.nodes;
      script =
        if lib.isFunction test.testScript then
          test.testScript { nodes = lib.mapAttrs (_: node: node.config) nodes; }
        else
          test.testScript;
    in
    lib.mapAttrs (
      name: node:
      renderNode "${test.name}.${name}" node {
        imports = [
          test.defaults
          test.nodes.${name}
        ];
      }
    ) nodes
    // {
      "test-script.py" = pkgs.writeText "test-script.py" script;
    };

  renderNode =
    name: node: module:
    let
      failed = map (check: check.message) (lib.filter (check: !check.assertion) node.config.assertions);
      unsupported = findUnsupported node module;
      checked =
        lib.throwIf (unsupported != [ ])
          "${name} sets options that the harness does not support: ${lib.concatStringsSep ", " unsupported}"
          lib.throwIf
          (failed != [ ])
          "${name}: failed assertions:\n${lib.concatMapStrings (message: "- ${message}\n") failed}";
      manifest = checked pkgs.writeText "manifest.json" (builtins.toJSON (difference node.config));
    in
    pkgs.runCommand name
      {
        exportReferencesGraph = [
          "graph"
          manifest
        ];
        # Ours alone: NixOS's own need the real packages.
        passedChecks = lib.filter (
          check: lib.hasPrefix "backupservice-" check.name
        ) node.config.system.checks;
      }
      ''
        mkdir "$out"
        grep ^/nix/store/ graph | sort -u >"$out/closure"
        ln -s ${manifest} "$out/manifest.json"
      '';

  # What only a whole NixOS has, or only a switch on a running system needs.
  ignoredUnits = [
    "suid-sgid-wrappers.service"
    "systemd-tmpfiles-resetup.service"
  ];
  ignoredEtc = [ "polkit-1/rules.d/10-nixos.rules" ];

  difference =
    config:
    let
      base = baseline.config;
      # Entries that the baseline lacks, or has with another content.
      changed =
        describe: mine: theirs:
        lib.filterAttrs (name: entry: !theirs ? ${name} || entry != describe theirs.${name}) (
          lib.mapAttrs (_: describe) mine
        );
      added = mine: theirs: lib.subtractLists (map toString theirs) (map toString mine);
    in
    {
      units = changed describeUnit (removeAttrs config.systemd.units ignoredUnits) (
        removeAttrs base.systemd.units ignoredUnits
      );
      userUnits = changed describeUnit config.systemd.user.units base.systemd.user.units;
      etc = lib.mapAttrs (_: describeFile) (
        lib.filterAttrs (_: file: file.enable) (
          removeAttrs config.environment.etc (
            lib.subtractLists ignoredEtc (lib.attrNames base.environment.etc)
          )
        )
      );
      users = changed describeUser config.users.users base.users.users;
      groups = changed describeGroup config.users.groups base.users.groups;
      tmpfiles = added config.systemd.tmpfiles.rules base.systemd.tmpfiles.rules;
      # NixOS puts the rules into a package, too.
      tmpfilesPackages = added (lib.filter (
        package: package.name != "nixos-tmpfiles.d"
      ) config.systemd.tmpfiles.packages) base.systemd.tmpfiles.packages;
      dbusPackages = added config.services.dbus.packages base.services.dbus.packages;
      memory = config.virtualisation.memorySize;
      systemPackages = added config.environment.systemPackages base.environment.systemPackages;
    };

  describeUnit =
    unit:
    {
      inherit (unit)
        enable
        aliases
        wantedBy
        requiredBy
        upheldBy
        overrideStrategy
        ;
    }
    // lib.optionalAttrs unit.enable { inherit (unit) text; };

  describeFile = file: {
    inherit (file)
      mode
      user
      group
      ;
    source = "${file.source}";
  };

  describeUser = user: {
    inherit (user)
      uid
      group
      extraGroups
      home
      createHome
      homeMode
      isNormalUser
      ;
    shell = "${user.shell}${user.shell.shellPath or ""}";
    keys = user.openssh.authorizedKeys.keys;
  };

  describeGroup = group: { inherit (group) gid members; };
in
pkgs.linkFarm "tests" (lib.mapAttrs (name: file: pkgs.linkFarm name (renderTest file)) tests)
