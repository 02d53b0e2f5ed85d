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

  # Part of the names of units and files.
  isSafeName = name: builtins.match "[a-zA-Z0-9][a-zA-Z0-9_.-]*" name != null;

  refuseUnsafeName =
    field: name:
    refuseIf (!isSafeName name) ''
      ${field}: the name "${name}" contains characters other than letters, digits, "_", "." and "-", or does not start with a letter or digit.
      It is used in the names of units and files.
      Choose another name.
    '';

  isNormal =
    path:
    lib.hasPrefix "/" path
    && !lib.any (part: part == "." || part == "..") (lib.splitString "/" path)
    && !lib.hasInfix "//" path;

  # systemd cannot mount a path with one of these characters.
  isMountable = path: builtins.match ".*['\"\\[:cntrl:]].*" path == null;
}
