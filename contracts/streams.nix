# Dump and load commands of common databases, each a value for
# `streams.<name>` of a contract.
#
# A dump is never compressed: the provider does that, and it finds what is the
# same as yesterday only in what is not. A load replaces what is there, whether
# that is an older state, a newer one, or an empty database.
{ lib, pkgs }:
{
  postgresql = import ./streams/postgresql.nix { inherit lib pkgs; };
  mariadb = import ./streams/mariadb.nix { inherit lib pkgs; };
  sqlite = import ./streams/sqlite.nix { inherit lib pkgs; };

  # The files that SQLite keeps for the database at `path`: the stream has what
  # is in them, so they belong into excludePatterns.
  sqliteFiles =
    path:
    map (suffix: path + suffix) [
      ""
      "-wal"
      "-shm"
      "-journal"
    ];
}
