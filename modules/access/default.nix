# Who the units run as, and what that allows them to do.
{
  imports = [
    ./users.nix
    ./polkit.nix
    ./dbus.nix
  ];
}
