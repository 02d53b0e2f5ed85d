import ./crash.nix {
  operation = "restore";
  provider = import ./crash/restic.nix;
}
