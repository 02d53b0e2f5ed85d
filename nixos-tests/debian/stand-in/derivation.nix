# Derivations built by Debian's own bash, without a sandbox and without nixpkgs.
{ lib, system }:
let
  # What nixpkgs gives its derivations and modules then call on them.
  addMethods =
    drv:
    drv
    // {
      override = _: addMethods drv;
      overrideAttrs = _: addMethods drv;
      overrideDerivation = _: addMethods drv;
    };

  mkDerivation =
    args:
    let
      name = lib.strings.sanitizeDerivationName (args.name or "${args.pname}-${args.version}");
      drv = derivation (
        removeAttrs args [
          "meta"
          "passthru"
          "nativeBuildInputs"
          "buildInputs"
          "buildCommand"
        ]
        // {
          inherit name system;
          builder = "/bin/bash";
          args = [
            "-euo"
            "pipefail"
            "-c"
            ''
              export PATH=/usr/local/bin:/usr/bin:/usr/sbin
              set +u
              source "$buildCommandPath"
            ''
          ];
          buildCommand =
            args.buildCommand or ''
              echo "stand-in: ${name} is built from source, which needs nixpkgs" >&2
              exit 1
            '';
          passAsFile = [ "buildCommand" ] ++ args.passAsFile or [ ];
        }
      );
    in
    addMethods (
      drv
      // {
        meta = args.meta or { };
        passthru = args.passthru or { };
        overrideAttrs = f: mkDerivation (args // lib.toFunction f args);
      }
      // args.passthru or { }
    );

  runCommand =
    name: env: buildCommand:
    mkDerivation (env // { inherit name buildCommand; });
in
{
  inherit addMethods mkDerivation runCommand;
  runCommandLocal = runCommand;
  runCommandCC = runCommand;
  runCommandNoCC = runCommand;
}
