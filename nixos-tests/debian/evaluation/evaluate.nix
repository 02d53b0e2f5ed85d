# One file of nixos-tests/eval: a function to a set of tests `{ expr; expected; }` or
# `{ expr; expectedError.msg; }`, with the project's modules in every evaluation.
{ file }:
let
  lib = import <nixpkgs/lib>;
  pkgs = import ../stand-in { inherit lib; };
  tests = import file {
    inherit lib pkgs;
    evalNixos =
      modules:
      import <nixpkgs/nixos/lib/eval-config.nix> {
        inherit lib pkgs;
        system = null;
        modules = [
          (import ../rendering/node.nix "machine")
          ../../../modules
        ]
        ++ modules;
      };
  };

  show = lib.generators.toPretty { };
in
{
  # What is wrong with each test that has an expected value; null is nothing.
  compared = lib.mapAttrs (
    _: test:
    if test.expr == test.expected then
      null
    else
      "expected: ${show test.expected}\n     got: ${show test.expr}"
  ) (lib.filterAttrs (_: test: test ? expected) tests);

  errors = lib.mapAttrs (_: test: test.expectedError.msg) (
    lib.filterAttrs (_: test: test ? expectedError) tests
  );

  inherit tests;
}
