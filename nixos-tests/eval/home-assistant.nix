# What `services.home-assistant.backup` says for each way to configure Home
# Assistant, alone and beside Nextcloud.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  evaluate = modules: (evalNixos modules).config;

  evaluated =
    settings: modules:
    evaluate (
      [
        {
          services.home-assistant = lib.mkMerge [
            { enable = true; }
            settings
          ];
        }
      ]
      ++ modules
    );
  backupOf = settings: (evaluated settings [ ]).services.home-assistant.backup;
  streamOf = settings: (backupOf settings).streams.recorder;
  withUrl = url: { config.recorder.db_url = url; };
  isRefused = value: !(builtins.tryEval (builtins.deepSeq value true)).success;

  default.config.default_config = { };

  both = evaluate [
    (
      { config, ... }:
      {
        services.home-assistant = {
          enable = true;
          config = {
            default_config = { };
            recorder.db_url = "postgresql://@/hass";
          };
        };
        services.nextcloud = {
          enable = true;
          hostName = "cloud.example.org";
          package = pkgs.nextcloud29;
          config.adminpassFile = "/run/secrets/admin";
          config.dbtype = "pgsql";
          database.createLocally = true;
        };
        services.postgresql = {
          ensureDatabases = [ "hass" ];
          ensureUsers = [
            {
              name = "hass";
              ensureDBOwnership = true;
            }
          ];
        };
        backupservice = {
          defaults.repository.path = "/srv/backup";
          autoBind = true;
        };
      }
    )
  ];
in
{
  "user and directory are the service's own" = {
    expr = { inherit (backupOf (default // { configDir = "/srv/hass"; })) user sourceDirectories; };
    expected = {
      user = "hass";
      sourceDirectories = [ "/srv/hass" ];
    };
  };

  "the recorder's SQLite is a stream and not a file" = {
    expr =
      let
        backup = backupOf (default // { configDir = "/srv/hass"; });
        files = map (suffix: "/srv/hass/home-assistant_v2.db${suffix}") [
          ""
          "-wal"
          "-shm"
          "-journal"
        ];
      in
      {
        excluded = lib.all (file: lib.elem file backup.excludePatterns) files;
        dumped = lib.hasInfix "database=/srv/hass/home-assistant_v2.db\n" backup.streams.recorder.dump;
        required = lib.hasInfix "the database does not exist" backup.streams.recorder.dump;
      };
    expected = {
      excluded = true;
      dumped = true;
      required = true;
    };
  };

  "a recorder that nobody asked for may have no database" = {
    expr = lib.hasInfix "the database does not exist" (streamOf { config.http = { }; }).dump;
    expected = false;
  };

  "a configuration.yaml that NixOS does not write must have the database" = {
    expr = lib.hasInfix "the database does not exist" (streamOf { config = null; }).dump;
    expected = true;
  };

  "a SQLite database of another name is found" = {
    expr = lib.hasInfix "database=/var/lib/hass/db/r.sqlite\n" (streamOf (
      withUrl "sqlite:////var/lib/hass/db/r.sqlite"
    )).dump;
    expected = true;
  };

  "a local PostgreSQL is dumped as Home Assistant's own user" = {
    expr =
      map
        (
          url:
          let
            stream = streamOf (withUrl url);
          in
          {
            inherit (stream) user;
            dump = lib.hasInfix "PGHOST=/run/postgresql PGPORT=5432\nexport PGDATABASE=recorder\n" stream.dump;
          }
        )
        [
          "postgresql://@/recorder"
          "postgresql://hass@/recorder"
          "postgresql+psycopg2:///recorder?host=/run/postgresql"
        ];
    expected = lib.replicate 3 {
      user = null;
      dump = true;
    };
  };

  "PostgreSQL with a password, served here, is dumped as its administrator" = {
    expr =
      (evaluated (withUrl "postgresql://hass:secret@localhost:5432/recorder") [
        { services.postgresql.enable = true; }
      ]).services.home-assistant.backup.streams.recorder.user;
    expected = "postgres";
  };

  "a local MariaDB is dumped as Home Assistant's own user" = {
    expr =
      let
        stream = streamOf (
          withUrl "mysql://hass@localhost/recorder?unix_socket=/run/mysqld/other.sock&charset=utf8mb4"
        );
      in
      {
        inherit (stream) user;
        socket = lib.hasInfix "--socket=/run/mysqld/other.sock" stream.dump;
        database = lib.hasInfix "--databases recorder" stream.dump;
      };
    expected = {
      user = null;
      socket = true;
      database = true;
    };
  };

  "databases that cannot be dumped are refused" = {
    expr = lib.filter (url: !isRefused (streamOf (withUrl url))) [
      "postgresql://hass:secret@db.example.org/recorder"
      "postgresql://hass@localhost/recorder"
      "mysql://hass:secret@db.example.org/recorder"
      "mssql+pyodbc://hass@server/recorder"
      "sqlite:////srv/elsewhere/recorder.db"
      "sqlite://"
      "!secret recorder_url"
      "postgresql://"
    ];
    expected = [ ];
  };

  "a recorder that is included from a file is refused" = {
    expr = isRefused (streamOf {
      config.recorder = "!include recorder.yaml";
    });
    expected = true;
  };

  "a refused database does not stop a system without backups" = {
    expr =
      isRefused
        (evaluated (withUrl "!secret recorder_url") [ ]).systemd.units."home-assistant.service".text;
    expected = false;
  };

  "the unit that a restore stops exists" = {
    expr = lib.all (
      unit: both.systemd.units ? ${unit}
    ) both.services.home-assistant.backup.restore.units;
    expected = true;
  };

  "both services are registered, and backed up without being named" = {
    expr = {
      registered = lib.attrNames both.backupservice.contracts;
      instances = lib.attrNames both.backupservice.instances;
      failed = map (assertion: assertion.message) (lib.filter (a: !a.assertion) both.assertions);
      units = map (unit: both.systemd.units ? "${unit}.service") [
        "backupservice-nextcloud"
        "backupservice-nextcloud-dump-database"
        "backupservice-home-assistant"
        "backupservice-home-assistant-dump-recorder"
        "backupservice-home-assistant-load-recorder"
      ];
    };
    expected = {
      registered = [
        "home-assistant"
        "nextcloud"
      ];
      instances = [
        "home-assistant"
        "nextcloud"
      ];
      failed = [ ];
      units = lib.replicate 5 true;
    };
  };
}
