# Miniflux: feeds, entries and users, all of which are in its database.
#
# Dumped while it runs. Not part of its state, and kept elsewhere: `adminCredentialsFile`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.miniflux;
  version = common.version "miniflux" cfg.package;
  server = config.services.postgresql;

  url = cfg.config.DATABASE_URL or "";
  # As PostgreSQL's library writes it: key=value, separated by spaces.
  key =
    name:
    lib.last (
      [ null ]
      ++ lib.concatMap (word: lib.toList (builtins.match "${name}=(.*)" word)) (
        lib.filter (lib.hasPrefix "${name}=") (lib.splitString " " url)
      )
    );
in
common.service "miniflux" {
  inherit (version) rules;
  contract = {
    user = config.systemd.services.miniflux.serviceConfig.User or "miniflux";
    sourceDirectories = [ version.directory ];
    streams.database =
      if cfg.createDatabaseLocally then
        # Older releases create an extension as the administrator, who alone can restore it.
        contracts.streams.postgresql {
          database = key "dbname";
          user = server.superUser;
          inherit (server.settings) port;
          inherit (server) package;
        }
      else
        common.database.fromUrl {
          inherit url;
          user = "miniflux";
          option = "services.miniflux.backup";
          setting = "services.miniflux.config.DATABASE_URL";
        };
    restore.units = [ "miniflux.service" ];
  };
}
