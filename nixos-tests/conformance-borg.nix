# The conformance suite with borg.
import ./suites/conformance.nix { provider = "borg"; }
