# What the files of this folder share.
{
  config,
  lib,
  utils,
}:
rec {
  layout = import ../layout.nix { inherit lib utils; };
  identity = import ../units/common/identity.nix { inherit config lib; };

  refuseIf = condition: message: {
    assertion = !condition;
    inherit message;
  };

  isNormal =
    path:
    lib.hasPrefix "/" path
    && !lib.any (part: part == "." || part == "..") (lib.splitString "/" path)
    && !lib.hasInfix "//" path;

  # systemd loses these on the way from a unit's settings to its mounts.
  isMountable = path: builtins.match ".*['\"\\[:cntrl:]].*" path == null;
}
