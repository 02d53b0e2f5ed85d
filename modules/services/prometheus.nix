# Prometheus: its time series.
#
# Stopped while they are read: it rewrites them all the time. Its next start replays what
# came last from the log, which is saved too.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "prometheus") user stateDirectory;
in
common.service "prometheus" {
  contract = {
    inherit user;
    sourceDirectories = [ "${stateDirectory}/data" ];
    excludePatterns = [
      "${stateDirectory}/data/lock"
      "${stateDirectory}/data/queries.active"
    ];
    quiesce.units = [ "prometheus.service" ];
    restore.units = [ "prometheus.service" ];
    probe = ''
      test -d "$BACKUP_COPY"${lib.escapeShellArg "${stateDirectory}/data/wal"}
    '';
  };
}
