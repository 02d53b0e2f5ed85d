# The catalogue: all services together on NixOS's own modules, with SQLite and with
# database servers. What each contract says is in nixos-tests/golden/services.txt.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  machines = lib.mapAttrs (_: services: (evalNixos [ services ]).config) (
    import ./common/every-service.nix { inherit lib pkgs; }
  );

  newer = import ./common/newer-services.nix { inherit lib; };

  # Both machines' contracts, each with the machine that it is on.
  all = lib.concatLists (
    lib.mapAttrsToList (
      _: machine:
      lib.mapAttrsToList (name: contract: {
        inherit name contract machine;
      }) machine.backupservice.instances
    ) machines
  );
  failing = check: lib.unique (map (one: one.name) (lib.filter (one: !check one) all));

  # The services that a contract is about, and everything that they say of paths.
  servicesOf =
    { contract, machine, ... }:
    map (unit: machine.systemd.services.${lib.removeSuffix ".service" unit}) (
      lib.filter (lib.hasSuffix ".service") contract.restore.units
    );
  textOf =
    one:
    builtins.unsafeDiscardStringContext (
      toString (
        map (
          service:
          builtins.toJSON {
            inherit (service) environment script preStart;
            serviceConfig = removeAttrs service.serviceConfig [ "StateDirectory" ];
          }
        ) (servicesOf one)
        ++ one.machine.systemd.tmpfiles.rules
        ++ [ (builtins.toJSON one.machine.systemd.tmpfiles.settings) ]
      )
    );
  isDynamic = service: service.serviceConfig.DynamicUser or false == true;
  stateDirectoriesOf =
    one:
    lib.concatMap (
      service:
      map (name: "/var/lib/${lib.optionalString (isDynamic service) "private/"}${name}") (
        lib.concatMap (lib.splitString " ") (lib.toList (service.serviceConfig.StateDirectory or [ ]))
      )
    ) (servicesOf one);

  # The users that the units of a contract run as; of a pool, PHP's.
  usersOf =
    { contract, machine, ... }:
    lib.concatMap (
      unit:
      let
        name = lib.removeSuffix ".service" unit;
        pool = lib.removePrefix "phpfpm-" name;
      in
      [ (machine.systemd.services.${name}.serviceConfig.User or name) ]
      ++ lib.optional (machine.services.phpfpm.pools ? ${pool}) machine.services.phpfpm.pools.${pool}.user
    ) (lib.filter (lib.hasSuffix ".service") contract.restore.units);

  isWithin = outer: inner: inner == outer || lib.hasPrefix "${outer}/" inner;

  # Of database servers and of a service without files: the file that a backup needs.
  isVersion = lib.hasPrefix "/var/lib/backupservice-versions/";
  isServer =
    name:
    lib.elem name [
      "mysql"
      "postgresql"
    ];

  moduleFiles = lib.filter (name: lib.hasSuffix ".nix" name && name != "default.nix") (
    lib.attrNames (builtins.readDir ../../modules/services)
  );

  evaluate = modules: (evalNixos modules).config;
  isRefused = value: !(builtins.tryEval (builtins.deepSeq value true)).success;

  vaultwarden =
    settings:
    (evaluate [
      {
        services.vaultwarden = lib.mkMerge [
          { enable = true; }
          settings
        ];
      }
    ]).services.vaultwarden.backup;
in
{
  "each file of the catalogue is of a service that is backed up here" = {
    expr = lib.filter (
      file:
      !lib.any (
        one: "${one.name}.nix" == file || "${lib.head (lib.splitString "-" one.name)}.nix" == file
      ) all
    ) moduleFiles;
    # The family has no service of its name.
    expected = [ "arr.nix" ];
  };

  "the README backs up twenty services in at most ten lines" = {
    expr =
      let
        blocks = map (part: lib.head (lib.splitString "```" part)) (
          lib.tail (lib.splitString "```nix\n" (builtins.readFile ../../README.md))
        );
        example = lib.findFirst (lib.hasInfix "autoBind") null blocks;
        machine = evaluate [
          (import (builtins.toFile "readme.nix" "{ lib, ... }: {\n${example}}"))
        ];
        isBackedUp = name: machine.systemd.timers ? "backupservice-${name}";
      in
      {
        short = lib.length (lib.splitString "\n" (lib.trim example)) <= 10;
        backedUp = lib.count isBackedUp (lib.attrNames machine.backupservice.contracts);
        failing = map (check: check.message) (lib.filter (check: !check.assertion) machine.assertions);
      };
    expected = {
      short = true;
      backedUp = 20;
      failing = [ ];
    };
  };

  "what autoBind leaves to the hand" = {
    expr = lib.subtractLists (lib.concatMap (machine: lib.attrNames machine.backupservice.contracts) (
      lib.attrValues machines
    )) (lib.unique (map (one: one.name) all));
    expected = [
      "backrest"
      "mysql"
      "postgresql"
      "redis-cache"
      "redis-journal"
    ];
  };

  "no assertion fails" = {
    expr = lib.concatMap (
      machine: map (check: check.message) (lib.filter (check: !check.assertion) machine.assertions)
    ) (lib.attrValues machines);
    expected = [ ];
  };

  "users are those of the services' own units" = {
    expr = failing (one: isServer one.name || lib.elem one.contract.user (usersOf one));
    expected = [ ];
  };

  "directories are those of the services' own units" = {
    expr = failing (
      one:
      let
        text = textOf one;
      in
      lib.all (
        source: lib.elem source (stateDirectoriesOf one) || isVersion source || lib.hasInfix source text
      ) one.contract.sourceDirectories
    );
    expected = [ ];
  };

  "a DynamicUser's data is saved from where it is, not from a link to it" = {
    expr = failing (
      one:
      !lib.any isDynamic (servicesOf one)
      || isServer one.name
      || lib.all (
        source: isVersion source || lib.hasPrefix "/var/lib/private/" source
      ) one.contract.sourceDirectories
    );
    expected = [ ];
  };

  "all that a service's units may write is saved, or is known not to be" = {
    expr = lib.unique (
      lib.concatMap (
        one:
        lib.filter (
          directory:
          !lib.any (
            source: isWithin source directory || isWithin directory source
          ) one.contract.sourceDirectories
        ) (stateDirectoriesOf one)
      ) (lib.filter (one: !isServer one.name) all)
    );
    # Downloads.
    expected = [
      "/var/lib/transmission/.incomplete"
      "/var/lib/transmission/Downloads"
      "/var/lib/transmission/watchdir"
    ];
  };

  "every exclude is about something that is saved" = {
    expr = lib.unique (
      lib.concatMap (
        one:
        lib.filter (
          pattern:
          lib.hasPrefix "/" pattern
          && !lib.any (source: lib.hasPrefix "${source}/" pattern) one.contract.sourceDirectories
        ) one.contract.excludePatterns
      ) all
    );
    # By default elsewhere.
    expected = [ "/var/cache/jellyfin/*" ];
  };

  "every SQLite database that is dumped is not copied as well" = {
    expr = failing (
      one:
      lib.all (
        stream:
        let
          match = builtins.match ".*\ndatabase=([^\n]*)\n.*" "\n${stream.dump}";
        in
        match == null
        || lib.all (file: lib.elem file one.contract.excludePatterns) (
          map (suffix: "${lib.head match}${suffix}") [
            ""
            "-wal"
            "-shm"
          ]
        )
      ) (lib.attrValues one.contract.streams)
    );
    expected = [ ];
  };

  "contracts follow where a service keeps its data" = {
    expr =
      let
        machine = evaluate [
          {
            services = {
              authelia.instances.main = {
                enable = true;
                secrets.manual = true;
                settings = {
                  authentication_backend.file.path = "/srv/authelia/users.yml";
                  storage.local.path = "/var/lib/authelia-main/db.sqlite3";
                };
              };
              bazarr.enable = true;
              deluge.enable = true;
              deluge.dataDir = "/srv/deluge";
              forgejo.enable = true;
              forgejo.repositoryRoot = "/srv/repositories";
              freshrss.enable = true;
              freshrss.authType = "none";
              freshrss.baseUrl = "https://rss.example.org";
              freshrss.dataDir = "/srv/freshrss/";
              gitlab.enable = true;
              gitlab.statePath = "/srv/gitlab";
              gitlab.extraConfig.shared.path = "/srv/objects";
              grafana.enable = true;
              grafana.settings.database.path = "/srv/grafana/g.db";
              jellyfin.enable = true;
              jellyfin.configDir = "/srv/jellyfin";
              matrix-synapse.enable = true;
              matrix-synapse.settings = {
                server_name = "example.org";
                media_store_path = "/srv/media";
                signing_key_path = "/run/secrets/signing-key";
              };
              navidrome.enable = true;
              navidrome.settings.DataFolder = "/srv/navidrome/";
              paperless.enable = true;
              paperless.mediaDir = "/srv/documents";
              radicale.enable = true;
              radicale.settings.auth.type = "none";
              radicale.settings.storage.filesystem_folder = "/srv/calendars";
              readarr.enable = true;
              syncthing.enable = true;
              syncthing.configDir = "/srv/syncthing";
              transmission.enable = true;
              transmission.home = "/srv/transmission";
              vaultwarden.enable = true;
              lldap.enable = true;
              lldap.settings = {
                ldap_base_dn = "dc=example,dc=org";
                database_url = "sqlite:///srv/lldap/users.db?mode=rwc";
              };
              vaultwarden.config = {
                attachmentsFolder = "/srv/attachments";
                DATABASE_URL = "/srv/vault/db.sqlite3";
                SENDS_FOLDER = "/srv/sends";
              };
            };
            system.stateVersion = "24.05";
          }
        ];
      in
      lib.mapAttrs (_: contract: contract.sourceDirectories) machine.backupservice.contracts;
    expected = {
      authelia-main = [
        "/var/lib/authelia-main"
        "/srv/authelia/users.yml"
      ];
      bazarr = [ "/var/lib/bazarr" ];
      deluge = [ "/srv/deluge/.config/deluge" ];
      forgejo = [
        "/var/lib/forgejo"
        "/srv/repositories"
      ];
      freshrss = [ "/srv/freshrss" ];
      gitlab = [
        "/srv/gitlab"
        "/srv/objects"
      ];
      grafana = [
        "/var/lib/grafana"
        "/srv/grafana"
      ];
      jellyfin = [
        "/var/lib/jellyfin"
        "/srv/jellyfin"
      ];
      lldap = [
        "/var/lib/private/lldap"
        "/srv/lldap"
      ];
      matrix-synapse = [
        "/var/lib/matrix-synapse"
        "/srv/media"
      ];
      navidrome = [ "/srv/navidrome" ];
      paperless = [
        "/var/lib/paperless"
        "/srv/documents"
      ];
      radicale = [ "/srv/calendars" ];
      readarr = [ "/var/lib/readarr" ];
      syncthing = [ "/srv/syncthing" ];
      transmission = [ "/srv/transmission/.config/transmission-daemon" ];
      vaultwarden = [
        "/var/lib/bitwarden_rs"
        "/srv/attachments"
        "/srv/sends"
        "/srv/vault"
      ];
    };
  };

  # Options that releases after the one that is evaluated here have.
  "contracts follow the options of newer releases" = {
    expr =
      let
        machine = evaluate [
          (
            { lib, ... }:
            {
              options.services = {
                bazarr.dataDir = lib.mkOption { default = "/srv/bazarr"; };
                radarr.settings = lib.mkOption { };
                radarr.environmentFiles = lib.mkOption { default = [ ]; };
                paperless.exporter.directory = lib.mkOption { default = "/var/lib/paperless/exported"; };
              };
              config = {
                services = {
                  bazarr.enable = true;
                  paperless.enable = true;
                  radarr.enable = true;
                  radarr.settings.postgres = {
                    host = "/run/postgresql";
                    port = 5433;
                    user = "radarr";
                    mainDb = "movies";
                    logDb = "movies-log";
                  };
                };
                # As `database.createLocally` does.
                systemd.services.paperless-web.environment.PAPERLESS_DBHOST = "/run/postgresql";
              };
            }
          )
        ];
        inherit (machine.services) bazarr paperless radarr;
      in
      {
        bazarr = bazarr.backup.sourceDirectories;
        exports = lib.elem "/var/lib/paperless/exported/*" paperless.backup.excludePatterns;
        documents = lib.hasInfix "PGDATABASE=paperless\n" paperless.backup.streams.database.dump;
        movies = lib.hasInfix "PGPORT=5433\nexport PGDATABASE=movies\n" radarr.backup.streams.database.dump;
        log = lib.hasInfix "PGDATABASE=movies-log\n" radarr.backup.streams.log.dump;
      };
    expected = {
      bazarr = [ "/srv/bazarr" ];
      exports = true;
      documents = true;
      movies = true;
      log = true;
    };
  };

  "Jellyseerr's settings are where its release has them" = {
    expr =
      let
        probeOf =
          module:
          let
            machine = evaluate [ module ];
          in
          lib.mapAttrs (_: contract: contract.probe) machine.backupservice.contracts;
        # 26.05 to unstable, with a `system.stateVersion` before.
        renamed = {
          imports = [ newer.seerr ];
          services.jellyseerr.enable = true;
          services.seerr.configDir = "/var/lib/jellyseerr/config";
          systemd.services.seerr.serviceConfig.StateDirectory = lib.mkForce "jellyseerr";
        };
      in
      {
        first = probeOf { services.jellyseerr.enable = true; };
        later = probeOf {
          options.services.jellyseerr.configDir = lib.mkOption {
            default = "/var/lib/jellyseerr/config";
          };
          config.services.jellyseerr.enable = true;
        };
        renamed = probeOf renamed;
        alias = (evaluate [ renamed ]).services.jellyseerr.backup.sourceDirectories;
      };
    expected = {
      first.jellyseerr = "test -s \"$BACKUP_COPY\"/var/lib/private/jellyseerr/settings.json\n";
      later.jellyseerr = "test -s \"$BACKUP_COPY\"/var/lib/private/jellyseerr/config/settings.json\n";
      renamed.seerr = "test -s \"$BACKUP_COPY\"/var/lib/private/jellyseerr/config/settings.json\n";
      alias = [ "/var/lib/private/jellyseerr" ];
    };
  };

  "Authelia's database is found in its settings" = {
    expr =
      let
        streamOf =
          storage:
          (evaluate [
            {
              services.postgresql.enable = true;
              services.mysql = {
                enable = true;
                package = pkgs.mariadb;
              };
              services.authelia.instances.main = {
                enable = true;
                secrets.manual = true;
                settings = lib.optionalAttrs (storage != null) { inherit storage; };
              };
            }
          ]).services.authelia.instances.main.backup.streams.database;
        account = {
          database = "sso";
          username = "sso";
        };
        isDumped = part: storage: lib.hasInfix part (streamOf storage).dump;
      in
      {
        port = isDumped "PGHOST=/run/postgresql PGPORT=5432\n" {
          postgres = account // {
            address = "tcp://127.0.0.1:5432";
          };
        };
        socket = isDumped "PGDATABASE=sso\n" {
          postgres = account // {
            address = "unix:///run/postgresql";
          };
        };
        old = isDumped "PGDATABASE=sso\n" {
          postgres = account // {
            host = "localhost";
            port = 5432;
          };
        };
        mysql = isDumped "--databases sso" {
          mysql = account // {
            address = "unix:///run/mysqld/mysqld.sock";
          };
        };
        elsewhere =
          isRefused
            (streamOf {
              postgres = account // {
                address = "tcp://db.example.org:5432";
              };
            }).dump;
        otherPort =
          isRefused
            (streamOf {
              postgres = account // {
                address = "tcp://[::1]:5433";
              };
            }).dump;
        unknown = isRefused (streamOf null).dump;
      };
    expected = {
      port = true;
      socket = true;
      old = true;
      mysql = true;
      elsewhere = true;
      otherPort = true;
      unknown = true;
    };
  };

  "Keycloak's database is found, also the one that its module names" = {
    expr =
      let
        dumpOf =
          database:
          (evaluate [
            {
              services.postgresql.enable = true;
              services.keycloak = {
                enable = true;
                settings.hostname = "login.example.org";
                database = {
                  passwordFile = "/run/secrets/keycloak";
                  name = "other";
                }
                // database;
              };
            }
          ]).services.keycloak.backup.streams.database.dump;
      in
      {
        created = lib.hasInfix "PGDATABASE=keycloak\n" (dumpOf { });
        own = lib.hasInfix "PGDATABASE=other\n" (dumpOf {
          createLocally = false;
        });
        socket = lib.hasInfix "PGDATABASE=other\n" (dumpOf {
          host = "/run/postgresql";
        });
      };
    expected = {
      created = true;
      own = true;
      socket = true;
    };
  };

  "what a restore of a database needs is in its stream" = {
    expr =
      let
        inherit (machines.servers.backupservice) instances;
      in
      {
        # Who may replace the extensions.
        users = map (name: instances.${name}.streams.database.user) [
          "gitlab"
          "immich"
        ];
        path = lib.hasInfix "public, pg_catalog" instances.immich.streams.database.load;
        oneTimeKeys = lib.hasInfix "--exclude-table-data=e2e_one_time_keys_json" instances.matrix-synapse.streams.database.dump;
      };
    expected = {
      users = [
        "postgres"
        "postgres"
      ];
      path = true;
      oneTimeKeys = true;
    };
  };

  "a release without a service's module evaluates" = {
    expr =
      let
        machine = evaluate [
          {
            disabledModules = [
              "services/databases/lldap.nix"
              "services/misc/bazarr.nix"
              "services/misc/gitlab.nix"
              "services/misc/jellyseerr.nix"
              "services/misc/open-webui.nix"
              "services/misc/readarr.nix"
              "services/monitoring/uptime-kuma.nix"
              "services/security/authelia.nix"
              "services/torrent/transmission.nix"
              "services/web-apps/audiobookshelf.nix"
              "services/web-apps/firefly-iii.nix"
              "services/web-apps/freshrss.nix"
              "services/web-apps/grocy.nix"
              "services/web-apps/hledger-web.nix"
              "services/web-apps/keycloak.nix"
              "services/web-apps/mealie.nix"
              "services/web-apps/miniflux.nix"
            ];
            services.radarr.enable = true;
            backupservice.autoBind = true;
            backupservice.defaults.repository.path = "/srv/backup";
          }
        ];
      in
      {
        contracts = lib.attrNames machine.backupservice.contracts;
        unit = lib.isString machine.systemd.units."backupservice-radarr.service".text;
      };
    expected = {
      contracts = [ "radarr" ];
      unit = true;
    };
  };

  "nothing is registered that is not enabled" = {
    expr = lib.attrNames (evaluate [ { } ]).backupservice.contracts;
    expected = [ ];
  };

  "a broker that keeps nothing needs no backup" = {
    expr =
      lib.attrNames
        (evaluate [
          {
            services.mosquitto = {
              enable = true;
              persistence = false;
              listeners = [ { } ];
            };
          }
        ]).backupservice.contracts;
    expected = [ ];
  };

  "a journal that nobody may change through the web is read while it runs" = {
    expr =
      (evaluate [ { services.hledger-web.enable = true; } ]).services.hledger-web.backup.quiesce.units;
    expected = [ ];
  };

  "a database that only a secret file names is refused, and stops no system without backups" = {
    expr = {
      refused = isRefused (vaultwarden { dbBackend = "postgresql"; }).streams.database.dump;
      elsewhere =
        isRefused
          (vaultwarden {
            dbBackend = "mysql";
            config.DATABASE_URL = "mysql://vault:secret@db.example.org/vault";
          }).streams.database.dump;
      unit =
        isRefused
          (evaluate [
            {
              services.vaultwarden.enable = true;
              services.vaultwarden.dbBackend = "postgresql";
            }
          ]).systemd.units."vaultwarden.service".text;
    };
    expected = {
      refused = true;
      elsewhere = true;
      unit = false;
    };
  };

  "a database that newer releases set up is found" = {
    expr =
      lib.hasInfix "PGDATABASE=vaultwarden\n"
        (evaluate [
          (
            { lib, ... }:
            {
              options.services.vaultwarden.configurePostgres = lib.mkOption { };
              config.services.vaultwarden = {
                enable = true;
                dbBackend = "postgresql";
                configurePostgres = true;
              };
            }
          )
        ]).services.vaultwarden.backup.streams.database.dump;
    expected = true;
  };

  "the port of a database's URL is heeded" = {
    expr =
      map
        (
          url:
          lib.hasInfix "PGPORT=5433\n"
            (vaultwarden {
              dbBackend = "postgresql";
              config.DATABASE_URL = url;
            }).streams.database.dump
        )
        [
          "postgresql:///vaultwarden?host=/run/postgresql&port=5433"
          "postgresql://vaultwarden@:5433/vaultwarden"
        ];
    expected = [
      true
      true
    ];
  };

  "MySQL as a whole is refused" = {
    expr =
      isRefused
        (evaluate [
          {
            services.mysql = {
              enable = true;
              package = pkgs.mariadb // {
                pname = "mysql";
              };
            };
          }
        ]).services.mysql.backup.streams.server.dump;
    expected = true;
  };

  "a restore of a whole server stops all that use it" = {
    expr =
      let
        inherit (machines.servers.services) mysql postgresql;
      in
      {
        postgresql = lib.all (unit: lib.elem unit postgresql.backup.restore.units) [
          "forgejo.service"
          "phpfpm-nextcloud.service"
          "mealie.service"
          "paperless-web.service"
          "vaultwarden.service"
        ];
        mysql = lib.all (unit: lib.elem unit mysql.backup.restore.units) [
          "gitea.service"
          "lldap.service"
        ];
        others = lib.intersectLists [ "radarr.service" "jellyfin.service" ] postgresql.backup.restore.units;
      };
    expected = {
      postgresql = true;
      mysql = true;
      others = [ ];
    };
  };
}
