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
        When to apply `retention`, free the space of removed snapshots, and check the
        repository: a calendar event, see {manpage}`systemd.time(7)`. `null`: only on
        request, with `backupservice maintain <name>`. Use `null` for a repository from
        which this machine may not delete anything.
      '';
    }
    // default [ "maintenance" "schedule" ] "weekly"
  );
  readData = mkOption (
    {
      type = types.ints.between 0 100;
      example = 100;
      description = ''
        Share of the stored data that each maintenance run reads and verifies against
        its checksums, in percent. restic selects it at random in each run and only
        checks the rest for presence; it downloads this share of a remote repository.
        borg always verifies all data on the repository's side; with 100 it also
        downloads and decrypts all of it.
      '';
    }
    // default [ "maintenance" "readData" ] 5
  );
}
