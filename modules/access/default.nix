# System users and their permissions.
{
  imports = [
    ./users.nix
    ./polkit.nix
    ./dbus.nix
  ];
}
