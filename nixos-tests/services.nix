# Services of the catalogue, each with its real program: filled through its own interface,
# backed up while it is used, destroyed, restored, and read through its own interface.
{ ... }:
{
  name = "services";

  nodes.machine =
    {
      config,
      lib,
      pkgs,
      ...
    }:
    let
      inherit (config) services;
      bind = lib.mapAttrs (_: contract: contract // { enable = true; });
    in
    {
      imports = [ ../modules ];

      environment.systemPackages = [
        pkgs.curl
        pkgs.sqlite
      ];

      services = {
        deluge.enable = true;
        miniflux = {
          enable = true;
          adminCredentialsFile = "/etc/miniflux-admin";
        };
        mosquitto = {
          enable = true;
          listeners = [
            {
              address = "127.0.0.1";
              acl = [ "topic readwrite #" ];
              omitPasswordAuth = true;
              settings.allow_anonymous = true;
            }
          ];
        };
        mysql = {
          enable = true;
          package = pkgs.mariadb;
          ensureDatabases = [ "wiki" ];
        };
        postgresql = {
          enable = true;
          ensureDatabases = [ "wiki" ];
        };
        prometheus = {
          enable = true;
          checkConfig = false;
          globalConfig.scrape_interval = "1s";
          scrapeConfigs = [
            {
              job_name = "itself";
              static_configs = [ { targets = [ "127.0.0.1:9090" ]; } ];
            }
          ];
        };
        radicale = {
          enable = true;
          settings.auth.type = "none";
        };
        redis.servers.cache.enable = true;
        syncthing.enable = true;
        transmission = {
          enable = true;
          package = pkgs.transmission_4;
        };

        # Not LLDAP, which Debian lacks: the unit of a DynamicUser with SQLite.
        lldap = {
          enable = true;
          settings.ldap_base_dn = "dc=example,dc=org";
          package = pkgs.writeShellScriptBin "lldap" ''
            umask 0077
            ${lib.getExe' pkgs.sqlite "sqlite3"} users.db 'PRAGMA journal_mode = WAL' 'CREATE TABLE IF NOT EXISTS users (name)'
            echo secret > server_key
            exec sleep infinity
          '';
        };
      };

      environment.etc."miniflux-admin".text = ''
        ADMIN_USERNAME=admin
        ADMIN_PASSWORD=not-secret
      '';

      # A container cannot give it a root of its own, and names of dynamic users are unknown.
      systemd.services.transmission.serviceConfig.RootDirectory = lib.mkForce "";
      systemd.services.miniflux.serviceConfig.DynamicUser = lib.mkForce false;
      users.users.miniflux = {
        isSystemUser = true;
        group = "miniflux";
      };
      users.groups.miniflux = { };

      backupservice = {
        defaults.repository.path = "/srv/backup";
        defaults.repository.shared = true;
        instances = bind {
          deluge = services.deluge.backup;
          lldap = config.backupservice.contracts.lldap;
          miniflux = services.miniflux.backup;
          mosquitto = services.mosquitto.backup;
          mysql = services.mysql.backup;
          postgresql = services.postgresql.backup;
          prometheus = services.prometheus.backup;
          radicale = services.radicale.backup;
          redis-cache = services.redis.servers.cache.backup;
          syncthing = services.syncthing.backup;
          transmission = services.transmission.backup;
        };
      };
    };

  testScript =
    { nodes, ... }:
    let
      probes = builtins.mapAttrs (_: instance: instance.probe) nodes.machine.backupservice.instances;
    in
    "PROBES = ${builtins.toJSON (builtins.toJSON probes)}\n" + builtins.readFile ./services/script.py;
}
