# Audiobookshelf: accounts, progress, the library's database, covers and authors.
#
# Saved while it runs: the database is dumped. The audio files are not saved, nor are
# logs, caches and its own backups.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "audiobookshelf") user stateDirectory;
in
common.service "audiobookshelf" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = [ stateDirectory ];
      excludePatterns = map (name: "${stateDirectory}/metadata/${name}/*") [
        "backups"
        "cache"
        "logs"
        "streams"
      ];
      restore.units = [ "audiobookshelf.service" ];
    }
    (common.sqlite { database = "${stateDirectory}/config/absdatabase.sqlite"; })
  ];
}
