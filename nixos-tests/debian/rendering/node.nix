# What every node has, so that NixOS evaluates without hardware. The baseline, with
# which a node is compared, is exactly this.
name:
{ lib, pkgs, ... }:
{
  # In a container, only what memory is limited to has a meaning.
  options.virtualisation = lib.genAttrs [ "cores" "diskSize" "memorySize" ] (
    _:
    lib.mkOption {
      type = lib.types.raw;
      default = null;
      description = "Size of the virtual machine, if this were one.";
    }
  );

  config = {
    boot.isContainer = true;
    documentation.enable = false;
    environment.stub-ld.enable = false;
    networking.hostName = name;
    # All programs together: rendered one by one instead.
    system.path = lib.mkForce pkgs.emptyDirectory;
    # What the stand-in packages are like.
    system.stateVersion = lib.mkDefault "24.11";
  };
}
