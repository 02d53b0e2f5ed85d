# All options.
{
  imports = [
    ./instances.nix
    ./coverage.nix
    ./machine.nix
    ./notifications.nix
  ];
}
