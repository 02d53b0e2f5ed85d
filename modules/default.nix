# The NixOS module of backupservice: `imports = [ ./modules ];` is all it needs.
#
# The files follow the data: contracts, instances, assertions, plan, units.
{ lib, pkgs, ... }:
{
  imports = [
    ./instances.nix
    ./assertions.nix
    ./plan.nix
    ./units
    ./secrets.nix
    ./polkit.nix
    ./bus.nix
    ./users.nix
    ./journal.nix
    ./notify.nix
    ./services/nextcloud.nix
    ./services/home-assistant.nix
  ];

  _module.args.contracts = import ../contracts { inherit lib pkgs; };
}
