# The complete configurations of docs/examples: NixOS accepts them, without a warning, and
# they yield what their first lines say.
{ lib, evalNixos, ... }:
let
  # The options of agenix and opnix that the examples set or read.
  secretManagers =
    { config, lib, ... }:
    let
      inherit (lib) mkOption types;
    in
    {
      options.age.secrets = mkOption {
        type = types.attrsOf (
          types.submodule (
            { name, ... }:
            {
              options.file = mkOption { type = types.path; };
              options.path = mkOption {
                type = types.str;
                default = "/run/agenix/${name}";
              };
            }
          )
        );
      };
      options.services.onepassword-secrets = {
        enable = lib.mkEnableOption "it";
        tokenFile = mkOption { type = types.path; };
        secrets = mkOption {
          type = types.attrsOf (types.submodule { options.reference = mkOption { type = types.str; }; });
        };
        secretPaths = mkOption {
          type = types.attrsOf types.str;
          readOnly = true;
          default = lib.mapAttrs (
            name: _: "/var/lib/opnix/secrets/${name}"
          ) config.services.onepassword-secrets.secrets;
        };
      };
    };

  arthur.users.users.arthur = {
    isNormalUser = true;
    uid = 1000;
  };

  backrest = {
    users.users.backrest = {
      isSystemUser = true;
      group = "backrest";
    };
    users.groups.backrest = { };
    systemd.services.backrest.serviceConfig.ExecStart = "/bin/backrest";
  };

  eval = modules: (evalNixos ([ secretManagers ] ++ modules)).config;
  desktop = eval [
    ../../docs/examples/desktop-b2-agenix.nix
    arthur
  ];
  homelab = eval [
    ../../docs/examples/homelab-b2-1password.nix
    backrest
  ];

  accepted = config: {
    expr = {
      refusals = map (check: check.message) (lib.filter (check: !check.assertion) config.assertions);
      inherit (config) warnings;
    };
    expected = {
      refusals = [ ];
      warnings = [ ];
    };
  };
  timer = config: name: config.systemd.timers.${name}.timerConfig.OnCalendar;
in
{
  "the desktop is accepted" = accepted desktop;
  "the homelab is accepted" = accepted homelab;

  "the documents of the desktop are saved every night, with its secrets" = {
    expr = {
      calendar = timer desktop "backupservice-documents";
      credentials = lib.sort lib.lessThan desktop.systemd.services.backupservice-documents.serviceConfig.LoadCredential;
      retention = lib.filterAttrs (
        _: count: count != null
      ) desktop.backupservice.instances.documents.retention;
      sources = desktop.backupservice.instances.documents.sourceDirectories;
    };
    expected = {
      calendar = "daily";
      credentials = [
        "environment:/run/agenix/restic/env"
        "password:/run/agenix/restic/password"
        "repository:/run/agenix/restic/repo"
      ];
      retention = {
        daily = 7;
        weekly = 5;
        monthly = 12;
      };
      sources = [ "/home/arthur/documents" ];
    };
  };

  "all services of the homelab share a repository, at three" = {
    expr = lib.mapAttrs (name: instance: [
      (timer homelab "backupservice-${name}")
      instance.repository.path
    ]) homelab.backupservice.instances;
    expected =
      lib.genAttrs
        [
          "backrest"
          "home-assistant"
          "jackett"
          "jellyfin"
          "prowlarr"
          "radarr"
          "sonarr"
          "transmission"
        ]
        (_: [
          "03:00"
          "b2:my-backup:restic"
        ]);
  };
}
