{
  description = "Backups as a contract, for NixOS";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forSystems =
        f:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
        ] (system: f nixpkgs.legacyPackages.${system});

      # Every file of nixos-tests/ is a test, named like the file.
      tests = lib.mapAttrs' (
        file: _: lib.nameValuePair (lib.removeSuffix ".nix" file) (./nixos-tests + "/${file}")
      ) (lib.filterAttrs (_: kind: kind == "regular") (builtins.readDir ./nixos-tests));
    in
    {
      nixosModules.default = ./modules;

      packages = forSystems (pkgs: {
        default = pkgs.callPackage ./rust/package.nix { };
      });

      checks = forSystems (
        pkgs:
        lib.mapAttrs (_: pkgs.testers.runNixOSTest) tests
        // {
          package = self.packages.${pkgs.system}.default;
        }
      );

      apps = forSystems (pkgs: {
        demo = {
          type = "app";
          program = lib.getExe (pkgs.testers.runNixOSTest ./nixos-tests/demo.nix).driver;
        };
      });

      devShells = forSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.system}.default ];
          packages = [
            pkgs.clippy
            pkgs.rustfmt
            pkgs.restic
            pkgs.dbus
          ];
        };
      });

      formatter = forSystems (pkgs: pkgs.nixfmt-rfc-style);
    };
}
