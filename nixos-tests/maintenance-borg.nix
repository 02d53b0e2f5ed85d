import ./suites/maintenance.nix { provider = "borg"; }
