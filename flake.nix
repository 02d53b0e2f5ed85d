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

      overlays.default = final: _: {
        backupservice = final.callPackage ./rust/package.nix { };
      };

      packages = forSystems (pkgs: {
        default = pkgs.callPackage ./rust/package.nix { };
        docs = pkgs.runCommand "backupservice-docs" { nativeBuildInputs = [ pkgs.mdbook ]; } ''
          mdbook build ${./docs} --dest-dir $out
        '';
      });

      checks = forSystems (
        pkgs:
        lib.mapAttrs (_: pkgs.testers.runNixOSTest) tests
        // {
          package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        }
      );

      apps = forSystems (pkgs: {
        demo = {
          type = "app";
          program = lib.getExe (pkgs.testers.runNixOSTest ./nixos-tests/demo.nix).driver;
          meta.description = "A backup, a disaster and a restore, in a virtual machine";
        };
      });

      devShells = forSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
          packages = [
            pkgs.clippy
            pkgs.rustfmt
            pkgs.restic
            pkgs.dbus
          ];
        };
      });

      # Until 25.05 there was only the latter, which newer releases call deprecated.
      formatter = forSystems (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style);
    };
}
