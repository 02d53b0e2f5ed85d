# What rust/package.nix asks of Nix, as variables of a shell: the file set (in the store),
# the tests and what follows the build. Knows every attribute that it uses, so that none
# is left out of the test without notice.
let
  lib = import <nixpkgs/lib>;
  package = import ../../../rust/package.nix {
    inherit lib;
    rustPlatform.buildRustPackage = lib.id;
    installShellFiles = "installShellFiles";
    stdenv = {
      buildPlatform.canExecute = _: true;
      hostPlatform = { };
    };
  };
  known = [
    "cargoLock"
    "cargoTestFlags"
    "meta"
    "nativeBuildInputs"
    "pname"
    "postInstall"
    "src"
    "version"
  ];
  unknown = lib.subtractLists known (lib.attrNames package);
in
assert lib.assertMsg (unknown == [ ] && package.nativeBuildInputs == [ "installShellFiles" ])
  "rust/package.nix: the test of the package does not do everything that it does: ${toString unknown}";
lib.toShellVars {
  inherit (package)
    cargoTestFlags
    pname
    postInstall
    version
    ;
  src = "${package.src}";
}
