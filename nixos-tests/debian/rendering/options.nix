# The reference of the options, with NixOS's own modules around them.
let
  lib = import <nixpkgs/lib>;
  pkgs = import ../stand-in { inherit lib; };
  node = import <nixpkgs/nixos/lib/eval-config.nix> {
    inherit lib pkgs;
    system = null;
    modules = [
      (import ./node.nix "options")
      ../../../modules
    ];
  };
in
import ../../../docs/reference/options.nix {
  inherit lib;
  options = {
    inherit (node.options) backupservice;
    services = {
      nextcloud = {
        inherit (node.options.services.nextcloud) backup;
      };
      home-assistant = {
        inherit (node.options.services.home-assistant) backup;
      };
    };
  };
}
