# Everything that a configuration can set.
{
  imports = [
    ./instances.nix
    ./machine.nix
    ./notifications.nix
  ];
}
