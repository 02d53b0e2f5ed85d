# A run is killed at every step in turn: the executor, all its processes, the whole
# machine. Each time everything is as it was, nothing claims to be what it is not,
# and the next run succeeds.
#
# `provider` is all that is known about a provider here: its name, its Nix package, its
# program and the words for what it does, a shell test for "it has locked the repository",
# a command that makes its calls cheaper, and one that fails if the repository is damaged
# or locked.
{ operation, provider }:
{ ... }:
{
  name = "crash-${operation}-${provider.name}";

  nodes.machine = import ./crash/node.nix provider;

  testScript = ''
    provider = ${builtins.toJSON provider}

    ${builtins.readFile ./crash/common.py}

    ${builtins.readFile (./crash + "/${operation}.py")}
  '';
}
