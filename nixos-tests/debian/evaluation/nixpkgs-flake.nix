# The flake that takes nixpkgs' place while ours is checked without a network: this
# machine's <nixpkgs>, with the stand-in packages and what only a flake asks for.
{
  outputs =
    _:
    let
      lib = import <nixpkgs/lib>;

      additions =
        final: _:
        let
          unbuilt =
            arguments:
            final.stdenv.mkDerivation (
              removeAttrs arguments [
                "cargoLock"
                "inputsFrom"
                "packages"
              ]
            );
        in
        lib.genAttrs [ "clippy" "installShellFiles" "mdbook" "nixfmt-rfc-style" "nixfmt-tree" "rustfmt" ] (
          name: final.writeText name ""
        )
        // {
          mkShell = arguments: unbuilt (arguments // { name = "shell"; });
          rustPlatform.buildRustPackage = unbuilt;
          testers.runNixOSTest =
            file:
            let
              test = import ./rendering { tests.test = file; };
            in
            test // { driver = final.writeShellScriptBin "nixos-test-driver" "echo ${test}"; };
        };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
        system:
        import ./stand-in {
          inherit lib system;
          overlays = [ additions ];
        }
      );
    };
}
