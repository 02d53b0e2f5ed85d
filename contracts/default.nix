# The contract library, passed to modules as the argument `contracts`.
#
# `backup` is the type of a service's contract; `streams` builds the dump and
# load commands of common databases, for use inside such a contract.
{ lib, pkgs }:
{
  backup = import ./backup.nix { inherit lib; };
  streams = import ./streams.nix { inherit lib pkgs; };
}
