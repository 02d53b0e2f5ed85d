# Checks during evaluation. Each message states problem, reason and remedy.
{
  imports = [
    ./instances.nix
    ./repositories.nix
    ./notifications.nix
    ./unit-names.nix
  ];
}
