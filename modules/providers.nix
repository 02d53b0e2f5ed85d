# The programs that create and store snapshots, as named in the plan, and the URLs that
# each understands: an example with its pattern.
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
    # `::` separates a repository from an archive.
    urls."ssh://user@host/path" = "ssh://[^/]+/([^:]|:[^:])*:?";
  };
  restic = {
    type = "restic";
    program = lib.getExe pkgs.restic;
    path = [
      "${pkgs.openssh}/bin"
      "${pkgs.rclone}/bin"
    ];
    urls = {
      "sftp:user@host:/path" = "sftp:.+";
      "rest:https://host/path" = "rest:http(s|[+]unix)?://.+";
      "s3:https://host/bucket" = "s3:.+";
      "b2:bucket:path" = "b2:.+";
      "azure:container:/path" = "azure:.+";
      "gs:bucket:/path" = "gs:.+";
      "swift:container:/path" = "swift:.+";
      "rclone:remote:path" = "rclone:.+";
    };
  };
}
