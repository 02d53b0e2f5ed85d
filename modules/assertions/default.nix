# Checks during evaluation. Each message states problem, reason and remedy.
{
  imports = [
    ./instances.nix
    ./repositories.nix
    ./stopped-units.nix
    ./notifications.nix
    ./unit-names.nix
    ./coverage.nix
  ];
}
