# The conformance suite with restic.
import ./suites/conformance.nix { provider = "restic"; }
