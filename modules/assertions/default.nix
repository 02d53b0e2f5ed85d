# What is refused while the system is evaluated. Each message says what is
# wrong, why that matters, and what to do.
{
  imports = [
    ./instances.nix
    ./notifications.nix
    ./unit-names.nix
  ];
}
