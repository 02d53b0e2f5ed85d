# The programs that create and store snapshots, as named in the plan.
{ lib, pkgs }:
{
  borg = {
    type = "borg";
    program = lib.getExe' pkgs.borgbackup "borg";
    # It reads its password with `cat`.
    path = [
      "${pkgs.coreutils}/bin"
      "${pkgs.openssh}/bin"
    ];
  };
  restic = {
    type = "restic";
    program = lib.getExe pkgs.restic;
    path = [
      "${pkgs.openssh}/bin"
      "${pkgs.rclone}/bin"
    ];
  };
}
