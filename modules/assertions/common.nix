# Shared by the files of this folder.
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

  # systemd cannot mount a path with one of these characters.
  isMountable = path: builtins.match ".*['\"\\[:cntrl:]].*" path == null;
}
