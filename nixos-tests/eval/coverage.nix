# Coverage: what is declared to be data, whether an instance saves it, and the refusal if not.
{
  pkgs,
  lib,
  evalNixos,
  ...
}:
let
  inherit (import ./common { inherit lib evalNixos; }) good refusalsOf;

  evaluate = modules: (evalNixos modules).config;

  # state → names.
  byState =
    config:
    lib.mapAttrs (_: map (entry: entry.name)) (
      lib.groupBy (entry: entry.state) config.backupservice.coverage.report
    );
  entryOf =
    name: modules:
    lib.findFirst (entry: entry.name == name) null (evaluate modules).backupservice.coverage.report;

  instance = settings: {
    backupservice.instances.x = lib.recursiveUpdate good settings;
  };
  service = name: serviceConfig: { systemd.services.${name} = { inherit serviceConfig; }; };

  grocy = {
    enable = true;
    hostName = "grocy.example.org";
    nginx.enableSSL = false;
  };

  # A shop with a database, whose files are saved, and a user.
  shop = {
    imports = [
      (instance { sourceDirectories = [ "/var/lib/shop" ]; })
      (service "shop" { StateDirectory = "shop shop/uploads"; })
    ];
    services.postgresql = {
      enable = true;
      ensureDatabases = [ "shop" ];
    };
    users.users.alice.isNormalUser = true;
  };
  dumped =
    { contracts, ... }:
    {
      backupservice.instances.x.streams.database = contracts.streams.postgresql { database = "shop"; };
    };
in
{
  "units, databases and homes are compared with what is saved" = {
    expr = byState (evaluate [ shop ]);
    expected = {
      ignored = [
        "/var/lib/backupservice"
        "/var/lib/backupservice-versions/postgresql"
        "/var/lib/dhcpcd"
      ];
      saved = [ "/var/lib/shop" ];
      uncovered = [
        "/home/alice"
        "/var/lib/postgresql"
        "postgresql:shop"
      ];
    };
  };

  "a dump saves a database, and its server's directory in part" = {
    expr = lib.getAttrs [ "partly" "saved" "uncovered" ] (
      byState (evaluate [
        shop
        dumped
      ])
    );
    expected = {
      partly = [ "/var/lib/postgresql" ];
      saved = [
        "/var/lib/shop"
        "postgresql:shop"
      ];
      uncovered = [ "/home/alice" ];
    };
  };

  "a dump of a whole server saves each of its databases" = {
    expr =
      (entryOf "postgresql:shop" [
        shop
        (
          { config, ... }:
          {
            backupservice.instances.all = config.services.postgresql.backup // {
              enable = true;
              repository.path = "/srv/backup/all";
            };
          }
        )
      ]).instances;
    expected = [ "all" ];
  };

  "directories are found in units of every kind" = {
    expr =
      (byState (evaluate [
        (service "dynamic" {
          DynamicUser = true;
          StateDirectory = "dynamic:link";
        })
        (service "listed" {
          StateDirectory = [
            "one"
            "two"
          ];
        })
        (service "worker@" { StateDirectory = "workers/%i"; })
        (service "named" { StateDirectory = "%N"; })
        {
          systemd.services.off = {
            enable = false;
            serviceConfig.StateDirectory = "off";
          };
          systemd.tmpfiles.rules = [
            "# d /var/lib/comment"
            "d  /var/lib/ruled/ 0755 root root - -"
            "L+ /var/lib/link - - - - /srv"
            "d /srv/elsewhere"
          ];
          systemd.tmpfiles.settings.set."/var/lib/set"."d" = { };
        }
      ])).uncovered;
    expected = [
      "/var/lib/named"
      "/var/lib/one"
      "/var/lib/private/dynamic"
      "/var/lib/ruled"
      "/var/lib/set"
      "/var/lib/two"
      "/var/lib/workers"
    ];
  };

  "what an instance excludes, or only has a part of, is not saved" = {
    expr =
      map
        (excludePatterns: {
          inherit
            (entryOf "/var/lib/a/b" [
              (service "x" { StateDirectory = "a/b"; })
              (instance {
                inherit excludePatterns;
                sourceDirectories = [ "/var/lib" ];
              })
            ])
            state
            ;
        })
        [
          [ "/var/lib/a" ]
          [ "/var/lib/a/b/*" ]
          [ "b" ]
          [ "/var/lib/a/b/cache/*" ]
          [ "*.tmp" ]
        ]
      ++ [
        {
          inherit
            (entryOf "/var/lib/a" [
              (service "x" { StateDirectory = "a"; })
              (instance { sourceDirectories = [ "/var/lib/a/b" ]; })
            ])
            state
            ;
        }
        {
          # Not below /var/lib/a.
          inherit
            (entryOf "/var/lib/ab" [
              (service "x" { StateDirectory = "ab"; })
              (instance { sourceDirectories = [ "/var/lib/a" ]; })
            ])
            state
            ;
        }
        {
          inherit
            (entryOf "/var/lib/x" [
              (service "x" { StateDirectory = "x"; })
              (instance { enable = false; })
            ])
            state
            ;
        }
      ];
    expected = map (state: { inherit state; }) [
      "uncovered"
      "uncovered"
      "uncovered"
      "saved"
      "saved"
      "partly"
      "uncovered"
      "uncovered"
    ];
  };

  "a contract that is not used is named" = {
    expr =
      let
        modules = [
          {
            services.grocy = grocy;
            services.miniflux.enable = true;
            services.miniflux.adminCredentialsFile = "/run/secrets/miniflux";
          }
        ];
        contractsOf = name: more: lib.getAttrs [ "state" "contracts" ] (entryOf name (modules ++ more));
        bound = [
          {
            backupservice.autoBind = true;
            backupservice.defaults.repository.path = "/srv/backup";
          }
        ];
      in
      {
        files = contractsOf "/var/lib/grocy" [ ];
        database = contractsOf "postgresql:miniflux" [ ];
        bound = contractsOf "/var/lib/grocy" bound;
        boundDatabase = contractsOf "postgresql:miniflux" bound;
      };
    expected = {
      files = {
        state = "uncovered";
        contracts = [ "grocy" ];
      };
      database = {
        state = "uncovered";
        contracts = [ "miniflux" ];
      };
      bound = {
        state = "saved";
        contracts = [ ];
      };
      boundDatabase = {
        state = "saved";
        contracts = [ ];
      };
    };
  };

  "a contract that cannot dump its database from here stops no report" = {
    expr =
      (entryOf "/var/lib/vaultwarden" [
        shop
        {
          services.vaultwarden.enable = true;
          services.vaultwarden.dbBackend = "postgresql";
        }
      ]).contracts;
    expected = [ "vaultwarden" ];
  };

  "with autoBind, only what the catalogue leaves out is not saved" = {
    expr = lib.mapAttrs (_: machine: (byState (evaluate [ machine ])).uncovered) (
      import ./common/every-service.nix { inherit lib pkgs; }
    );
    expected =
      let
        # Downloads.
        transmission = [
          "/var/lib/transmission/.incomplete"
          "/var/lib/transmission/Downloads"
          "/var/lib/transmission/watchdir"
        ];
      in
      {
        servers = transmission;
        sqlite = transmission;
      };
  };

  "what is required is refused by name, with the remedy" = {
    expr = refusalsOf [
      shop
      {
        backupservice.coverage.required = true;
        services.grocy = grocy;
      }
    ];
    expected = [
      ''
        backupservice.coverage.required: no instance saves
        - /home/alice (users.users.alice)
        - /var/lib/grocy (backupservice.contracts.grocy): backupservice.contracts.grocy saves it
        - /var/lib/postgresql (postgresql.service)
        - postgresql:shop (services.postgresql)
        It would be lost together with this machine.
        Set backupservice.autoBind for what has a contract; add the rest to an instance, as sourceDirectories or streams; or list what needs no backup in backupservice.coverage.ignore.
      ''
    ];
  };

  "what is saved or ignored is not refused" = {
    expr = refusalsOf [
      shop
      dumped
      {
        backupservice.coverage = {
          required = true;
          ignore = [ "/home" ];
        };
      }
    ];
    expected = [ ];
  };

  "what ignores nothing is refused" = {
    expr = map (message: lib.head (lib.splitString "\n" message)) (refusalsOf [
      {
        backupservice.coverage.ignore = [
          "shop"
          "/var/lib/../shop"
          "/var/lib/shop/"
          "mysql:shop"
        ];
      }
    ]);
    expected =
      map (item: "backupservice.coverage.ignore: \"${item}\" is neither an absolute path nor a database.")
        [
          "shop"
          "/var/lib/../shop"
        ];
  };

  "programs find the report in a file, where there are backups" = {
    expr =
      let
        inherit ((evaluate [ shop ]).environment) etc;
      in
      {
        file = etc ? "backupservice/coverage.json";
        without = (evaluate [ { } ]).environment.etc ? "backupservice/coverage.json";
      };
    expected = {
      file = true;
      without = false;
    };
  };
}
