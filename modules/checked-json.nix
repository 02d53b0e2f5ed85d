# A JSON document that the executor has to be able to read: it is asked when the
# system is built, so that a bad one never reaches a running machine.
{
  lib,
  pkgs,
  package,
}:
let
  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
in
# `check` is the command of the executor that ends with the name of the file.
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
