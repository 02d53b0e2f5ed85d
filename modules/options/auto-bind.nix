# The instance of a registered contract, as a module. A contract that is also bound by
# hand, with `config.myservice.backup // { … }`, is left to the hand: merged with itself,
# its lists and commands would be there twice.
{ lib }:
contract:
{ options, ... }:
let
  inherit (lib.mkDefault null) priority;

  # A binding by hand defines all options of the contract, also these two, which are
  # defaults here, whatever else is set.
  isBoundByHand = options.user.highestPrio < priority && options.probe.highestPrio < priority;
in
lib.mapAttrs (
  name: value:
  if name == "user" || name == "probe" then lib.mkDefault value else lib.mkIf (!isBoundByHand) value
) contract
// {
  enable = lib.mkDefault true;
}
