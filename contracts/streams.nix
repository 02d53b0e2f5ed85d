# Dump and load commands of common databases, each a value for
# `streams.<name>` of a contract.
#
# Dumps are never compressed: the provider compresses, and it deduplicates only
# uncompressed data. A load replaces the current state, be it older, newer or empty.
{ lib, pkgs }:
{
  postgresql = import ./streams/postgresql.nix { inherit lib pkgs; };
  postgresqlCluster = import ./streams/postgresql-cluster.nix { inherit lib pkgs; };
  mariadb = import ./streams/mariadb.nix { inherit lib pkgs; };
  mariadbCluster = import ./streams/mariadb-cluster.nix { inherit lib pkgs; };
  sqlite = import ./streams/sqlite.nix { inherit lib pkgs; };

  # The files of the SQLite database at `path`. The stream contains their data, so
  # they belong in excludePatterns.
  sqliteFiles =
    path:
    map (suffix: path + suffix) [
      ""
      "-wal"
      "-shm"
      "-journal"
    ];
}
