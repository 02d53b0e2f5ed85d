# The systemd units: one for each identity that code runs as.
#
# Each file is a function from common/ to a part of the configuration. They are in
# the order in which a run meets them.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  common = import ./common {
    inherit
      config
      lib
      pkgs
      utils
      ;
  };
in
{
  config = lib.mkMerge (
    map (file: import file common) [
      ./slice.nix
      ./timers.nix
      ./exists.nix
      ./secrets.nix
      ./prepare.nix
      ./run.nix
      ./hooks.nix
      ./streams.nix
      ./browse.nix
      ./snapshots.nix
      ./maintain.nix
      ./restore.nix
      ./recover.nix
      ./outcome-targets.nix
      ./monitor.nix
      ./notification-hooks.nix
      ./desktop.nix
      ./bus.nix
      ./catalog.nix
    ]
  );
}
