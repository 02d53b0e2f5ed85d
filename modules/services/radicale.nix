# Radicale: calendars and address books.
#
# Saved while it runs: it replaces each entry by renaming. Its caches are not saved. Not
# part of its state, and kept elsewhere: the file with the users' passwords.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.radicale;
  inherit (common.unit "radicale") user stateDirectory;
in
common.service "radicale" {
  contract = {
    inherit user;
    sourceDirectories = [
      (common.path (cfg.settings.storage.filesystem_folder or stateDirectory))
    ];
    excludePatterns = [
      ".Radicale.cache"
      ".Radicale.lock"
      ".Radicale.tmp-*"
    ];
    restore.units = [ "radicale.service" ];
    probe = ''
      test -d "$BACKUP_COPY"${lib.escapeShellArg "${common.path (cfg.settings.storage.filesystem_folder or stateDirectory)}/collection-root"}
    '';
  };
}
