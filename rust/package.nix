# The executor as a Nix package, with its completions and manual pages.
{
  lib,
  rustPlatform,
  installShellFiles,
  stdenv,
}:
rustPlatform.buildRustPackage {
  pname = "backupservice";
  inherit ((lib.importTOML ./Cargo.toml).package) version;

  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./Cargo.toml
      ./Cargo.lock
      ./backupservice.catalog
      ./clippy.toml
      ./src
      ./tests
    ];
  };
  cargoLock.lockFile = ./Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The other tests need restic, borg and a bus; `make test` runs them.
  cargoTestFlags = [ "--lib" ];

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    $out/bin/backupservice man man
    installManPage man/*
    installShellCompletion --cmd backupservice \
      --bash <($out/bin/backupservice completions bash) \
      --fish <($out/bin/backupservice completions fish) \
      --zsh <($out/bin/backupservice completions zsh)
  '';

  meta = {
    description = "Backups as a contract: runs one backup of one service and tells the truth about it";
    license = lib.licenses.mit;
    mainProgram = "backupservice";
    platforms = lib.platforms.linux;
    # None of ours is in nixpkgs' list.
    maintainers = [ ];
  };
}
