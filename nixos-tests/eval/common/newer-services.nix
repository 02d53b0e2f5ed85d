# Services that the evaluated release of NixOS does not have: the options and units of newer
# ones, as far as contracts read them. Each attribute is a module.
{ lib }:
let
  inherit (lib) mkOption;

  mkService = name: options: {
    options.services.${name} = {
      enable = lib.mkEnableOption name;
    }
    // lib.mapAttrsRecursive (_: default: mkOption { inherit default; }) options;
  };
  systemUser = name: {
    users.${name} = {
      isSystemUser = true;
      group = name;
    };
    groups.${name} = { };
  };
in
{
  # From 24.11 on.
  immich =
    { config, ... }:
    let
      cfg = config.services.immich;
    in
    {
      imports = [
        (mkService "immich" {
          mediaLocation = "/var/lib/immich";
          user = "immich";
          machine-learning.enable = true;
          database = {
            name = "immich";
            user = "immich";
            host = "/run/postgresql";
            port = 5432;
          };
        })
      ];
      config = lib.mkIf cfg.enable {
        services.postgresql.enable = true;
        services.postgresql.ensureDatabases = [ cfg.database.name ];
        systemd.services.immich-server = {
          environment.IMMICH_MEDIA_LOCATION = cfg.mediaLocation;
          after = [ "postgresql.service" ];
          serviceConfig = {
            User = cfg.user;
            StateDirectory = "immich";
            ExecStart = "/bin/immich";
          };
        };
        systemd.services.immich-machine-learning.serviceConfig = {
          User = cfg.user;
          CacheDirectory = "immich";
          ExecStart = "/bin/machine-learning";
        };
        users = systemUser "immich";
      };
    };

  # After 24.11.
  karakeep =
    { config, ... }:
    let
      serviceConfig = {
        User = "karakeep";
        StateDirectory = "karakeep";
        ExecStart = "/bin/karakeep";
      };
    in
    {
      imports = [ (mkService "karakeep" { }) ];
      config = lib.mkIf config.services.karakeep.enable {
        systemd.services = {
          karakeep-init = { inherit serviceConfig; };
          karakeep-web = { inherit serviceConfig; };
          karakeep-workers = { inherit serviceConfig; };
          karakeep-browser.serviceConfig = {
            DynamicUser = true;
            StateDirectory = "karakeep-browser";
            ExecStart = "/bin/chromium";
          };
        };
        users = systemUser "karakeep";
      };
    };

  # After 24.11.
  pinchflat =
    { config, ... }:
    let
      cfg = config.services.pinchflat;
    in
    {
      imports = [
        (mkService "pinchflat" {
          mediaDir = "/var/lib/pinchflat/media";
          user = "pinchflat";
        })
      ];
      config = lib.mkIf cfg.enable {
        systemd.services.pinchflat.serviceConfig = {
          User = cfg.user;
          StateDirectory = "pinchflat";
          Environment = [ "MEDIA_PATH=${cfg.mediaDir}" ];
          ExecStart = "/bin/pinchflat";
        };
        users = systemUser "pinchflat";
      };
    };

  # From 26.05 on, where it replaces jellyseerr.
  seerr =
    { config, ... }:
    let
      cfg = config.services.seerr;
    in
    {
      imports = [
        (mkService "seerr" {
          configDir = "/var/lib/seerr/";
          database = {
            type = "sqlite";
            host = null;
            port = 5432;
            socketPath = null;
            name = "seerr";
            user = null;
          };
        })
        (lib.mkRenamedOptionModule [ "services" "jellyseerr" ] [ "services" "seerr" ])
      ];
      disabledModules = [ "services/misc/jellyseerr.nix" ];
      config = lib.mkIf cfg.enable {
        systemd.services.seerr = {
          environment.CONFIG_DIRECTORY = cfg.configDir;
          serviceConfig = {
            DynamicUser = true;
            StateDirectory = "seerr";
            ExecStart = "/bin/seerr";
          };
        };
      };
    };
}
