import ./crash.nix {
  operation = "backup";
  provider = import ./crash/restic.nix;
}
