# hledger-web: the journals, and what else is in its directory.
#
# Stopped while they are read, unless nobody may change them through it.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.services.hledger-web;
  stateDir = common.path cfg.stateDir;
in
common.service "hledger-web" {
  contract = {
    inherit (common.unit "hledger-web") user;
    sourceDirectories = [ stateDir ];
    quiesce.units = lib.optional (cfg.allow != "view") "hledger-web.service";
    restore.units = [ "hledger-web.service" ];
    probe = common.has (map (file: "${stateDir}/${file}") cfg.journalFiles);
  };
}
