# When snapshots are removed, and how thoroughly the repository is checked.
{ lib, default }:
let
  inherit (lib) mkOption types;
in
{
  schedule = mkOption (
    {
      type = types.nullOr types.str;
      example = "Sun 05:00";
      description = ''
        When snapshots that `retention` does not ask for are removed, their space
        is freed, and the repository is checked, as {manpage}`systemd.time(7)`
        writes calendar events. Null for never by itself, as for a repository
        that only another machine may remove anything from:
        `backupservice maintain <name>` does it now.
      '';
    }
    // default [ "maintenance" "schedule" ] "weekly"
  );
  readData = mkOption (
    {
      type = types.ints.between 0 100;
      example = 100;
      description = ''
        How much of the stored data each maintenance reads and compares with its
        checksums, in percent, chosen anew each time. The rest is only checked for
        being there. What a remote repository stores has to be downloaded for it.
        borg always reads everything, where the repository is, and only at 100 also
        downloads and decrypts it.
      '';
    }
    // default [ "maintenance" "readData" ] 5
  );
}
