# All options.
{
  imports = [
    ./instances.nix
    ./machine.nix
    ./notifications.nix
  ];
}
