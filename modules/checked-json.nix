# A JSON document for the executor, which checks it when the system is built: a bad one
# never reaches a running machine.
{
  lib,
  pkgs,
  package,
}:
let
  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
in
# `check` is the executor's command, without its last argument, the file.
name: check: document:
pkgs.runCommand name
  {
    document = builtins.toJSON document;
    passAsFile = [ "document" ];
  }
  ''
    cp "$documentPath" "$out"
    ${lib.optionalString canCheck ''${lib.getExe' package "backupservice"} ${check} "$out"''}
  ''
