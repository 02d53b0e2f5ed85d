# The contract library, passed to modules as the argument `contracts`.
#
# `backup` is the type of a service's contract; `streams` builds the dump and
# load commands of common databases, for use inside such a contract; `backrest` is the
# contract of a service that has no NixOS module.
{ lib, pkgs }:
rec {
  backup = import ./backup.nix { inherit lib; };
  backrest = import ./backrest.nix { inherit lib streams; };
  streams = import ./streams.nix { inherit lib pkgs; };
}
