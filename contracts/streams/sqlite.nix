# One SQLite database, copied while it is in use.
#
# Add `contracts.streams.sqliteFiles path` to excludePatterns, so that the database
# is not copied as files, too. Both commands need write access to the directory of
# the database: readers of a WAL database share its memory.
{ lib, pkgs }:
{
  path,
  # System user that runs both commands. null: the contract's.
  user ? null,
  # Mode of the database if a load finds no existing one to take it from.
  mode ? "0600",
  # Whether to dump a missing database as an empty one.
  mayBeMissing ? false,
  package ? pkgs.sqlite,
}:
let
  database = lib.escapeShellArg path;
  sqlite = "${lib.getExe' package "sqlite3"} -init /dev/null -batch -bail";

  check = what: file: pragma: ''
    verdict=$(${sqlite} "${file}" 'PRAGMA ${pragma}(1)' 2>&1) || true
    if [ "$verdict" != ok ]; then
      echo "$database: ${what} is damaged: $verdict" >&2
      exit 1
    fi
  '';
in
{
  inherit user;

  # The open transaction fixes one point in time. Without it, each commit of
  # another process makes .backup start over, possibly forever.
  dump = ''
    database=${database}
    scratch=$(mktemp -d --tmpdir="''${TMPDIR:-/var/tmp}" sqlite.XXXXXXXXXX)
    trap 'rm -rf -- "$scratch"' EXIT
    if [ -f "$database" ]; then
      ${sqlite} "$database" '.timeout 60000' \
        'BEGIN' 'SELECT count(*) FROM sqlite_master' ".backup main '$scratch/copy'" > "$scratch/log"
    else
  ''
  + (
    if mayBeMissing then
      ''
        ${sqlite} "$scratch/copy" 'CREATE TABLE t (x)' 'DROP TABLE t'
      ''
    else
      ''
        echo "$database: the database does not exist; has the service ever been started?" >&2
        exit 1
      ''
  )
  + ''
    fi
    ${check "the database" "$scratch/copy" "quick_check"}
    cat -- "$scratch/copy"
  '';

  load = ''
    database=${database}
    new="$database.restoring"
    umask 0077
    trap 'rm -f -- "$new"*' EXIT
    rm -f -- "$new"*
    cat > "$new"
    if [ ! -s "$new" ]; then
      echo "$database: there is nothing to load" >&2
      exit 1
    fi
    ${check "what is to be loaded" "$new" "integrity_check"}
    if [ -e "$database" ]; then
      owner=$database
      chmod --reference="$database" -- "$new"
    else
      owner=$(dirname -- "$database")
      chmod ${mode} -- "$new"
    fi
    if [ "$(id -u)" = 0 ]; then
      chown --reference="$owner" -- "$new"
    fi
    sync -- "$new"
    # First: SQLite would replay the log of the old database into the new one.
    rm -f -- "$database-wal" "$database-shm" "$database-journal"
    mv -T -- "$new" "$database"
    sync -- "$(dirname -- "$database")"
  '';
}
