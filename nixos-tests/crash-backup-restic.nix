import ./suites/crash.nix {
  operation = "backup";
  provider = import ./suites/crash/restic.nix;
}
