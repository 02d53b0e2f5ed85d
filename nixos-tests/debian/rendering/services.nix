# The reference of the catalogue's services, and the table of their contracts.
let
  lib = import <nixpkgs/lib>;
  pkgs = import ../stand-in { inherit lib; };

  tests = ../..;
  newer = import ../../eval/common/newer-services.nix { inherit lib; };
  sources = lib.mapAttrsToList (name: _: builtins.readFile (tests + "/${name}")) (
    lib.filterAttrs (name: _: lib.hasSuffix ".nix" name) (builtins.readDir tests)
  );
in
import ../../../docs/reference/services.nix {
  inherit lib;
  # Whether a container test backs it up.
  endToEnd =
    name:
    let
      option = lib.replaceStrings [ "redis-" ] [ "redis.servers." ] name;
    in
    lib.any (lib.hasInfix "services.${option}.backup") sources;
  isStandIn = name: newer ? ${name};
  machines = lib.mapAttrs (
    name: services:
    import <nixpkgs/nixos/lib/eval-config.nix> {
      inherit lib pkgs;
      system = null;
      modules = [
        (import ./node.nix name)
        ../../../modules
        services
      ];
    }
  ) (import ../../eval/common/every-service.nix { inherit lib pkgs; });
}
