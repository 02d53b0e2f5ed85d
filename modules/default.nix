# The NixOS module of backupservice: `imports = [ ./modules ];` is all it needs.
#
# The order is that of the data: contract, instance, plan, units.
{ lib, pkgs, ... }:
{
  imports = [
    ./options
    ./assertions
    ./times.nix
    ./plan.nix
    ./coverage
    ./monitor-config.nix
    ./units
    ./access
    ./services
  ];

  _module.args.contracts = import ../contracts { inherit lib pkgs; };

  # None of ours is in nixpkgs' list.
  meta.maintainers = [ ];
}
