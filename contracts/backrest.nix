# Backrest: its repositories with their passwords, plans, its own keys and the history of
# what it did. NixOS has no module for it, so this takes its directories:
#
#     backupservice.instances.backrest =
#       contracts.backrest {
#         user = "backrest";
#         configDirectory = "/var/lib/backrest/config";
#         dataDirectory = "/var/lib/backrest/data";
#       }
#       // { enable = true; };
#
# Saved while it runs: the database of the history is dumped. Logs of its tasks are not
# saved, nor are the repositories that it manages.
{ lib, streams }:
{
  user,
  # Where BACKREST_CONFIG is, with the SSH keys beside it.
  configDirectory,
  # BACKREST_DATA.
  dataDirectory,
  units ? [ "backrest.service" ],
}:
let
  oplog = "${dataDirectory}/oplog.sqlite";
in
{
  inherit user;
  sourceDirectories = lib.unique [
    configDirectory
    dataDirectory
  ];
  excludePatterns = streams.sqliteFiles oplog ++ [
    "${oplog}.lock"
    "${dataDirectory}/tasklogs/*"
    "${dataDirectory}/processlogs/*"
  ];
  streams.history = streams.sqlite { path = oplog; };
  restore.units = units;
  probe = ''
    test -s "$BACKUP_COPY"${lib.escapeShellArg "${configDirectory}/config.json"}
  '';
}
