# What `services.nextcloud.backup` says for each way to configure Nextcloud.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  evaluate = modules: (evalNixos modules).config;

  nextcloud =
    settings:
    evaluate [
      {
        services.nextcloud = lib.mkMerge [
          {
            enable = true;
            hostName = "cloud.example.org";
            package = pkgs.nextcloud29;
            config.adminpassFile = "/run/secrets/admin";
          }
          settings
        ];
      }
    ];
  backupOf = settings: (nextcloud settings).services.nextcloud.backup;
  streamOf = settings: (backupOf settings).streams.database;
  isRefused = value: !(builtins.tryEval (builtins.deepSeq value true)).success;

  sqlite.config.dbtype = "sqlite";
  pgsql = {
    config.dbtype = "pgsql";
    database.createLocally = true;
  };
  mysql = {
    config.dbtype = "mysql";
    database.createLocally = true;
  };
  # As newer releases of NixOS load what occ has to read.
  withSecrets = evaluate [
    {
      services.nextcloud = {
        enable = true;
        hostName = "cloud.example.org";
        package = pkgs.nextcloud29;
        config.adminpassFile = "/run/secrets/admin";
        config.dbtype = "sqlite";
      };
      systemd.services.nextcloud-cron.serviceConfig.LoadCredential = [
        "s3_secret:/run/secrets/s3"
        "secret_file:/run/secrets/with:colon"
      ];
    }
  ];

  configured = evaluate [
    (
      { config, ... }:
      {
        services.nextcloud = lib.mkMerge [
          {
            enable = true;
            hostName = "cloud.example.org";
            package = pkgs.nextcloud29;
            config.adminpassFile = "/run/secrets/admin";
          }
          pgsql
        ];
        backupservice.instances.nextcloud = config.services.nextcloud.backup // {
          enable = true;
          repository.path = "/srv/backup/nextcloud";
        };
      }
    )
  ];
in
{
  "everything is below one directory by default" = {
    expr = (backupOf sqlite).sourceDirectories;
    expected = [ "/var/lib/nextcloud" ];
  };

  "a datadir of its own is saved beside home, which has the apps" = {
    expr =
      (backupOf (
        lib.mkMerge [
          sqlite
          { datadir = "/mnt/cloud/"; }
        ]
      )).sourceDirectories;
    expected = [
      "/var/lib/nextcloud"
      "/mnt/cloud"
    ];
  };

  "user files that are elsewhere are saved too" = {
    expr =
      (backupOf (
        lib.mkMerge [
          sqlite
          { settings.datadirectory = "/mnt/files"; }
        ]
      )).sourceDirectories;
    expected = [
      "/var/lib/nextcloud"
      "/mnt/files"
    ];
  };

  "the link into the Nix store is not saved" = {
    expr =
      lib.elem "/mnt/cloud/config/override.config.php"
        (backupOf (
          lib.mkMerge [
            sqlite
            { datadir = "/mnt/cloud"; }
          ]
        )).excludePatterns;
    expected = true;
  };

  "SQLite is a stream and not a file" = {
    expr =
      let
        backup = backupOf (
          lib.mkMerge [
            sqlite
            { datadir = "/mnt/cloud"; }
          ]
        );
        files = map (suffix: "/mnt/cloud/data/nextcloud.db${suffix}") [
          ""
          "-wal"
          "-shm"
          "-journal"
        ];
      in
      {
        excluded = lib.all (file: lib.elem file backup.excludePatterns) files;
        dumped = lib.hasInfix "database=/mnt/cloud/data/nextcloud.db\n" backup.streams.database.dump;
        inherit (backup.streams.database) user;
      };
    expected = {
      excluded = true;
      dumped = true;
      user = null;
    };
  };

  "a local PostgreSQL is dumped as Nextcloud's own user" = {
    expr =
      let
        stream = streamOf pgsql;
      in
      {
        inherit (stream) user;
        dump = lib.hasInfix "PGHOST=/run/postgresql PGPORT=5432\nexport PGDATABASE=nextcloud\n" stream.dump;
      };
    expected = {
      user = null;
      dump = true;
    };
  };

  "PostgreSQL with a password, served here, is dumped as its administrator" = {
    expr =
      let
        result = evaluate [
          {
            services.postgresql.enable = true;
            services.nextcloud = {
              enable = true;
              hostName = "cloud.example.org";
              package = pkgs.nextcloud29;
              config = {
                adminpassFile = "/run/secrets/admin";
                dbtype = "pgsql";
                dbhost = "localhost:5432";
                dbpassFile = "/run/secrets/db";
              };
            };
          }
        ];
      in
      result.services.nextcloud.backup.streams.database.user;
    expected = "postgres";
  };

  "a local MariaDB is dumped as Nextcloud's own user" = {
    expr =
      let
        stream = streamOf mysql;
      in
      {
        inherit (stream) user;
        dump = lib.hasInfix "--socket=/run/mysqld/mysqld.sock" stream.dump;
      };
    expected = {
      user = null;
      dump = true;
    };
  };

  "a database on another machine is refused" = {
    expr = map isRefused [
      (streamOf {
        config.dbtype = "pgsql";
        config.dbhost = "db.example.org";
      })
      (streamOf {
        config.dbtype = "mysql";
        config.dbhost = "db.example.org:3307";
      })
      (streamOf {
        config.dbtype = "pgsql";
        config.dbhost = "localhost";
        config.dbpassFile = "/run/secrets/db";
      })
    ];
    expected = [
      true
      true
      true
    ];
  };

  "a refused database does not stop a system without backups" = {
    expr =
      isRefused
        (nextcloud {
          config.dbtype = "pgsql";
          config.dbhost = "db.example.org";
        }).systemd.units."phpfpm-nextcloud.service".text;
    expected = false;
  };

  "hooks get the secrets of Nextcloud's own units" = {
    expr = map (hook: hook.credentials) (
      lib.concatLists (lib.attrValues withSecrets.services.nextcloud.backup.hooks)
    );
    expected = lib.replicate 3 {
      s3_secret = "/run/secrets/s3";
      secret_file = "/run/secrets/with:colon";
    };
  };

  "maintenance mode is left after backup and restore" = {
    expr = lib.mapAttrs (_: map (hook: hook.name)) (backupOf sqlite).hooks;
    expected = {
      beforeBackup = [ "maintenance-on" ];
      afterBackup = [ "maintenance-off" ];
      beforeRestore = [ ];
      afterRestore = [ "maintenance-off" ];
    };
  };

  "the units that a restore stops exist" = {
    expr = lib.filter (
      unit: !(configured.systemd.units ? ${unit})
    ) configured.services.nextcloud.backup.restore.units;
    expected = [ ];
  };

  "the contract is registered and read-only" = {
    expr = {
      registered = configured.backupservice.contracts.nextcloud == configured.services.nextcloud.backup;
      changed = isRefused (
        backupOf (
          lib.mkMerge [
            sqlite
            { backup.user = "root"; }
          ]
        )
      );
    };
    expected = {
      registered = true;
      changed = true;
    };
  };

  "with a repository, it becomes units without a failed assertion" = {
    expr = {
      failed = map (assertion: assertion.message) (lib.filter (a: !a.assertion) configured.assertions);
      units = lib.filter (lib.hasPrefix "backupservice-nextcloud-") (
        lib.attrNames configured.systemd.services
      );
    };
    expected = {
      failed = [ ];
      units = [
        "backupservice-nextcloud-after-maintenance-off"
        "backupservice-nextcloud-after-restore-maintenance-off"
        "backupservice-nextcloud-before-maintenance-on"
        "backupservice-nextcloud-browse@"
        "backupservice-nextcloud-dump-database"
        "backupservice-nextcloud-load-database"
        "backupservice-nextcloud-maintain"
        "backupservice-nextcloud-prepare"
        "backupservice-nextcloud-restore@"
        "backupservice-nextcloud-snapshots"
      ];
    };
  };
}
