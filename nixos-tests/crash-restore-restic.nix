import ./suites/crash.nix {
  operation = "restore";
  provider = import ./suites/crash/restic.nix;
}
