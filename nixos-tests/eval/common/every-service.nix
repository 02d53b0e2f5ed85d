# Every service of the catalogue on one machine, all of them backed up: with SQLite
# (`sqlite`) or, where there is a choice, with a database server (`servers`).
{ lib, pkgs }:
let
  bound =
    { config, contracts, ... }:
    {
      backupservice = {
        autoBind = true;
        defaults.repository.path = "/srv/backup";
        instances = lib.mapAttrs (_: contract: contract // { enable = true; }) {
          backrest = contracts.backrest {
            user = "backrest";
            configDirectory = "/var/lib/backrest/config";
            dataDirectory = "/var/lib/backrest/data";
          };
          redis-cache = config.services.redis.servers.cache.backup;
          redis-journal = config.services.redis.servers.journal.backup;
        };
      };
      systemd.services.backrest.serviceConfig = {
        User = "backrest";
        StateDirectory = "backrest/config backrest/data";
        ExecStart = "/run/current-system/sw/bin/backrest";
      };
      users.users.backrest = {
        isSystemUser = true;
        group = "backrest";
      };
      users.groups.backrest = { };
    };

  boundServers =
    { config, ... }:
    {
      backupservice.instances = {
        mysql = config.services.mysql.backup // {
          enable = true;
        };
        postgresql = config.services.postgresql.backup // {
          enable = true;
        };
      };
    };

  newer = import ./newer-services.nix { inherit lib; };

  shared = {
    imports = [
      bound
      newer.karakeep
      newer.pinchflat
    ];

    security.acme = {
      acceptTerms = true;
      defaults.email = "admin@example.org";
      certs."example.org".webroot = "/var/lib/acme/acme-challenge";
    };

    services = {
      adguardhome.enable = true;
      audiobookshelf.enable = true;
      authelia.instances.main = {
        enable = true;
        secrets.jwtSecretFile = "/run/secrets/authelia-jwt";
        secrets.storageEncryptionKeyFile = "/run/secrets/authelia-storage";
        settings.authentication_backend.file.path = "/var/lib/authelia-main/users.yml";
      };
      bazarr.enable = true;
      deluge = {
        enable = true;
        web.enable = true;
      };
      freshrss = {
        enable = true;
        baseUrl = "https://rss.example.org";
        passwordFile = "/run/secrets/freshrss";
      };
      grocy = {
        enable = true;
        hostName = "grocy.example.org";
        nginx.enableSSL = false;
      };
      hledger-web = {
        enable = true;
        allow = "edit";
      };
      home-assistant = {
        enable = true;
        config.default_config = { };
      };
      influxdb2.enable = true;
      jackett.enable = true;
      jellyfin.enable = true;
      karakeep.enable = true;
      lidarr.enable = true;
      lldap = {
        enable = true;
        settings.ldap_base_dn = "dc=example,dc=org";
      };
      matrix-synapse = {
        enable = true;
        settings.server_name = "example.org";
      };
      mealie.enable = true;
      mosquitto = {
        enable = true;
        listeners = [ { } ];
      };
      navidrome.enable = true;
      nextcloud = {
        enable = true;
        hostName = "cloud.example.org";
        package = pkgs.nextcloud29;
        config.adminpassFile = "/run/secrets/nextcloud";
      };
      open-webui.enable = true;
      paperless.enable = true;
      pinchflat.enable = true;
      prometheus.enable = true;
      prowlarr.enable = true;
      radarr.enable = true;
      radicale = {
        enable = true;
        settings.auth.type = "none";
      };
      readarr.enable = true;
      redis.servers.cache.enable = true;
      redis.servers.journal = {
        enable = true;
        appendOnly = true;
      };
      sonarr.enable = true;
      syncthing.enable = true;
      transmission.enable = true;
      uptime-kuma.enable = true;
      vaultwarden.enable = true;
      zigbee2mqtt.enable = true;
    };
  };

  databases = [
    "authelia"
    "freshrss"
    "grafana"
    "hass"
    "matrix-synapse"
    "mealie"
    "paperless"
    "seerr"
    "vaultwarden"
  ];
  role = name: {
    inherit name;
    ensureDBOwnership = true;
  };
in
{
  sqlite = {
    imports = [ shared ];

    services = {
      authelia.instances.main.settings.storage.local.path = "/var/lib/authelia-main/db.sqlite3";
      firefly-iii = {
        enable = true;
        settings.APP_KEY_FILE = "/run/secrets/firefly";
      };
      forgejo.enable = true;
      gitea.enable = true;
      grafana = {
        enable = true;
        settings.server.domain = "grafana.example.org";
      };
      jellyseerr.enable = true;
      matrix-synapse.settings.database.name = "sqlite3";
      nextcloud.config.dbtype = "sqlite";
    };
  };

  servers = {
    imports = [
      shared
      boundServers
      newer.immich
      newer.seerr
    ];

    services = {
      authelia.instances.main.settings.storage.postgres = {
        address = "unix:///run/postgresql/.s.PGSQL.5432";
        database = "authelia";
        username = "authelia";
      };
      firefly-iii = {
        enable = true;
        settings = {
          APP_KEY_FILE = "/run/secrets/firefly";
          DB_CONNECTION = "mysql";
          DB_DATABASE = "firefly-iii";
          DB_USERNAME = "firefly-iii";
          DB_SOCKET = "/run/mysqld/mysqld.sock";
        };
      };
      forgejo = {
        enable = true;
        database.type = "postgres";
      };
      freshrss.database = {
        type = "pgsql";
        host = "/run/postgresql";
      };
      gitea = {
        enable = true;
        database.type = "mysql";
      };
      gitlab = {
        enable = true;
        databasePasswordFile = "/run/secrets/gitlab-database";
        initialRootPasswordFile = "/run/secrets/gitlab-root";
        secrets = lib.genAttrs [ "secretFile" "dbFile" "otpFile" "jwsFile" ] (
          name: "/run/secrets/gitlab-${name}"
        );
      };
      grafana = {
        enable = true;
        settings.database = {
          type = "postgres";
          host = "/run/postgresql";
          user = "grafana";
        };
      };
      home-assistant.config.recorder.db_url = "postgresql://@/hass";
      immich.enable = true;
      keycloak = {
        enable = true;
        database.passwordFile = "/run/secrets/keycloak";
        settings.hostname = "login.example.org";
      };
      lldap.settings.database_url = "mysql://lldap@localhost/lldap?socket=/run/mysqld/mysqld.sock";
      mealie.settings = {
        DB_ENGINE = "postgres";
        POSTGRES_URL_OVERRIDE = "postgresql://mealie:@/mealie?host=/run/postgresql";
      };
      miniflux = {
        enable = true;
        adminCredentialsFile = "/run/secrets/miniflux";
      };
      mysql = {
        enable = true;
        package = pkgs.mariadb;
      };
      nextcloud = {
        config.dbtype = "pgsql";
        database.createLocally = true;
      };
      paperless.settings.PAPERLESS_DBHOST = "/run/postgresql";
      postgresql = {
        enable = true;
        ensureDatabases = databases;
        ensureUsers = map role databases;
      };
      seerr = {
        enable = true;
        database = {
          type = "postgres";
          socketPath = "/run/postgresql";
          user = "seerr";
        };
      };
      vaultwarden = {
        dbBackend = "postgresql";
        config.DATABASE_URL = "postgresql:///vaultwarden?host=/run/postgresql";
      };
    };
  };
}
