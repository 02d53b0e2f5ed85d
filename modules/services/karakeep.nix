# Karakeep: bookmarks with their copies and images, accounts, and its keys.
#
# Saved while it runs: the database is dumped, and no file changes once it is written. Jobs
# that wait are not saved, nor is the search index: after a restore, its administrator's
# page queues the bookmarks that were not fetched, and builds the index anew.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "karakeep-web") user stateDirectory;
in
common.service "karakeep" {
  disposable = [ "/var/lib/private/karakeep-browser" ];
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = [ stateDirectory ];
      excludePatterns = contracts.streams.sqliteFiles "${stateDirectory}/queue.db";
      # There is no karakeep.service, although the units say that they are part of it.
      restore.units = [
        "karakeep-web.service"
        "karakeep-workers.service"
        "karakeep-init.service"
      ];
      probe = common.has [ "${stateDirectory}/settings.env" ];
    }
    (common.sqlite { database = "${stateDirectory}/db.db"; })
  ];
}
