# The message catalog, with which `journalctl -x` explains what happened and what to
# do about it.
{
  config,
  pkgs,
  lib,
  forMachine,
  ...
}:
let
  catalog = pkgs.writeText "backupservice.catalog" (
    builtins.readFile ../../rust/backupservice.catalog
  );
in
forMachine {
  # systemd reads two directories; in NixOS, the other is in systemd's own package.
  systemd.tmpfiles.rules = [
    "L+ /usr/local/lib/systemd/catalog/backupservice.catalog - - - - ${catalog}"
  ];

  systemd.services.backupservice-catalog = {
    description = "Update the journal's message catalog for backups";
    documentation = [ "man:journalctl(1)" ];
    wantedBy = [ "multi-user.target" ];
    restartTriggers = [ catalog ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${config.systemd.package}/bin/journalctl --update-catalog";
    };
  };
}
