# Refuses data that no instance saves, if `coverage.required` is set.
{
  config,
  lib,
  utils,
  ...
}:
let
  inherit (import ./common.nix { inherit config lib utils; }) isNormal refuseIf;

  cfg = config.backupservice.coverage;

  uncovered = lib.filter (entry: entry.state == "uncovered") cfg.report;
  line =
    entry:
    "- ${entry.name} (${lib.concatStringsSep ", " entry.declaredBy})${
      lib.optionalString (
        entry.contracts != [ ]
      ) ": backupservice.contracts.${lib.head entry.contracts} saves it"
    }";
in
{
  assertions = [
    (refuseIf (cfg.required && uncovered != [ ]) ''
      backupservice.coverage.required: no instance saves
      ${lib.concatMapStringsSep "\n" line uncovered}
      It would be lost together with this machine.
      Set backupservice.autoBind for what has a contract; add the rest to an instance, as sourceDirectories or streams; or list what needs no backup in backupservice.coverage.ignore.
    '')
  ]
  ++ map (
    item:
    refuseIf (!isNormal item && builtins.match "(postgresql|mysql):.+" item == null) ''
      backupservice.coverage.ignore: "${item}" is neither an absolute path nor a database.
      It would ignore nothing.
      Write a path without "." and "..", or postgresql:NAME or mysql:NAME.
    ''
  ) cfg.ignore;
}
