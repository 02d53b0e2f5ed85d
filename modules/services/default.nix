# The catalogue: each file is the contract of a service, or of a family of services.
{ lib, ... }:
{
  imports = map (name: ./${name}) (
    lib.filter (name: lib.hasSuffix ".nix" name && name != "default.nix") (
      lib.attrNames (builtins.readDir ./.)
    )
  );
}
