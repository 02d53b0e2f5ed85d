# What a backup with any provider must do, on a real systemd with the real
# provider: one text, and a table of what it has to know of each provider. A file
# of ./conformance is a topic; together they are one test.
{
  provider,
  topics ? [
    "round-trip"
    "excludes"
    "shared"
    "bad-data"
    "restore"
    "remote"
    "unreachable-server"
    "interrupted"
  ],
}:
{ lib, pkgs, ... }:
let
  arguments = {
    inherit lib pkgs;
    provider = import (./conformance/providers + "/${provider}.nix") { inherit lib pkgs; };
  };
  parts = map (topic: import (./conformance + "/${topic}.nix") arguments) topics;
in
{
  name = "conformance-${provider}";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [
        ../../modules
        ./holding.nix
      ]
      ++ map (part: part.node) parts;

      backupservice.defaults = {
        inherit provider;
        repository.passwordFile = "/var/lib/conformance/password";
        # Cases make their sources larger and smaller as they need them.
        guards.maxShrink = null;
      };

      environment.etc."conformance/files.py".source = ./conformance/files.py;
      environment.systemPackages = arguments.provider.packages ++ [ pkgs.acl ];
    };

  testScript =
    builtins.readFile ./holding/script.py
    + builtins.readFile ./conformance/common.py
    + arguments.provider.script
    + lib.concatMapStrings (part: part.first or "") parts
    + lib.concatMapStrings (part: part.script) parts
    + "tell_cases()\n";
}
