# A stand-in for `pkgs`: enough of nixpkgs to evaluate real NixOS modules where
# there is nothing but <nixpkgs>'s lib/ and nixos/, and to build the text that they
# render. Packages are links into Debian's /usr (see packages.nix).
{
  lib,
  system ? builtins.currentSystem,
  overlays ? [ ],
}:
let
  platform = lib.systems.elaborate system // {
    canExecute = _: true;
  };

  base =
    self:
    let
      derivations = import ./derivation.nix { inherit lib system; };
      writers = import ./writers.nix {
        inherit lib;
        inherit (derivations) mkDerivation runCommand;
        inherit (self) runtimeShell;
      };
      packages = import ./packages.nix {
        inherit lib;
        inherit (derivations) addMethods runCommand;
      };
      formats = import ./formats.nix {
        inherit lib;
        inherit (writers) writeText;
        inherit (derivations) runCommand;
      };
      callPackageWith =
        scope: file: arguments:
        let
          function = if lib.isFunction file then file else import file;
        in
        function (builtins.intersectAttrs (lib.functionArgs function) scope // arguments);
    in
    packages
    // writers
    // {
      inherit (derivations) runCommand runCommandLocal runCommandCC;
      inherit formats lib system;
      _type = "pkgs";
      config = { };
      overlays = [ ];
      path = toString <nixpkgs>;
      stdenv = {
        inherit (derivations) mkDerivation;
        inherit system;
        buildPlatform = platform;
        hostPlatform = platform;
        targetPlatform = platform;
        shell = self.runtimeShell;
        cc = self.glibc // {
          libc = self.glibc;
          bintools.dynamicLinker = "/lib64/ld-linux-x86-64.so.2";
        };
      }
      // lib.filterAttrs (name: _: lib.hasPrefix "is" name) platform;
      stdenvNoCC = self.stdenv;
      hostPlatform = platform;
      buildPlatform = platform;
      targetPlatform = platform;
      runtimeShell = "${self.bash}/bin/bash";
      runtimeShellPackage = self.bash;
      callPackage = callPackageWith self;
      callPackages = callPackageWith self;
      buildPackages = self;
      pkgsi686Linux = self;
      pkgsStatic = self;
      pkgsBuildHost = self;
      __splicedPackages = self;
      pkgs = self;
      appendOverlays =
        more:
        import ./. {
          inherit lib system;
          overlays = overlays ++ more;
        };
      extend = overlay: self.appendOverlays [ overlay ];
      nixosTests = { };
      srcOnly = package: package;
      # Only a reload depends on their contents, which no test does.
      makeDBusConf = _: self.emptyDirectory;
      makeInitrdNGTool = self.emptyFile;
    };
in
lib.fix (lib.foldl' (lib.flip lib.extends) base overlays)
