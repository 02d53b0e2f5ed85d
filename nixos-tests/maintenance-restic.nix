import ./suites/maintenance.nix { provider = "restic"; }
