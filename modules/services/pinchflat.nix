# Pinchflat: its sources and profiles, the database, and the videos that it downloaded.
#
# Saved while it runs: the database is dumped. The videos are saved because they may be gone
# from where they came; add `mediaDir` to `excludePatterns` to leave them out. Logs and
# temporary files are not saved. Not part of its state, and kept elsewhere: `secretsFile`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.pinchflat;
  inherit (common.unit "pinchflat") user stateDirectory;
in
common.service "pinchflat" {
  contract = lib.mkMerge [
    {
      inherit user;
      sourceDirectories = common.outermost [
        stateDirectory
        cfg.mediaDir
      ];
      excludePatterns = [
        "${stateDirectory}/extras/elixir_tz_data/*"
        "${stateDirectory}/logs/*"
        "${stateDirectory}/tmp/*"
      ];
      restore.units = [ "pinchflat.service" ];
    }
    (common.sqlite { database = "${stateDirectory}/db/pinchflat.db"; })
  ];
}
