# Radarr, Sonarr, Lidarr, Readarr and Prowlarr: their databases, settings and keys.
#
# Saved while they run: the databases are dumped, SQLite or PostgreSQL. Media is not
# saved, nor are logs, posters (downloaded again) and their own backups.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  service =
    name:
    let
      cfg = config.services.${name};
      inherit (common.unit name) user stateDirectory;

      # Prowlarr's is mounted where the state directory of a DynamicUser is.
      dataDir = if name == "prowlarr" then stateDirectory else common.path cfg.dataDir;

      server = cfg.settings.postgres or { };
      postgresql =
        database:
        common.database.postgresql (
          {
            inherit database user;
            option = "services.${name}.backup";
            subject = "services.${name}.settings.postgres.host = \"${server.host}\" names";
            role = server.user or user;
            inherit (server) host;
            hasPassword = server ? password || cfg.environmentFiles != [ ];
          }
          // lib.optionalAttrs (server ? port) { inherit (server) port; }
        );
    in
    common.service name {
      contract = lib.mkMerge [
        {
          inherit user;
          sourceDirectories = [ dataDir ];
          excludePatterns = [
            "${dataDir}/Backups/*"
            "${dataDir}/MediaCover/*"
            "${dataDir}/UpdateLogs/*"
            "${dataDir}/logs/*"
            "${dataDir}/logs.db*"
          ];
          restore.units = [ "${name}.service" ];
          probe = common.has [ "${dataDir}/config.xml" ];
        }
        (
          if server.host or null == null then
            common.sqlite { database = "${dataDir}/${name}.db"; }
          else
            {
              streams = {
                database = postgresql (server.mainDb or "${name}-main");
                log = postgresql (server.logDb or "${name}-log");
              };
            }
        )
      ];
    };
in
{
  imports = map service [
    "lidarr"
    "prowlarr"
    "radarr"
    "readarr"
    "sonarr"
  ];
}
