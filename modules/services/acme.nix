# ACME: certificates with their keys, and the accounts that order them.
#
# Saved while it runs: a renewal writes for an instant every other month. If a copy of that
# very instant has a key that does not fit its certificate, remove its directory, and it is
# ordered anew. A backup spares a new machine to order all at once, which those who issue
# certificates limit. The contract is `security.acme.backup`.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  cfg = config.security.acme;

  # What orders certificates. Its names differ between releases.
  timers = lib.filterAttrs (name: _: lib.hasPrefix "acme-" name) config.systemd.timers;
in
common.service "acme" {
  path = [
    "security"
    "acme"
  ];
  enable = cfg.certs or { } != { };
  contract = {
    user = if cfg.useRoot or false then "root" else "acme";
    sourceDirectories = [ "/var/lib/acme" ];
    restore.units = lib.concatLists (
      lib.mapAttrsToList (name: timer: [
        "${name}.timer"
        (timer.timerConfig.Unit or "${name}.service")
      ]) timers
    );
  };
}
