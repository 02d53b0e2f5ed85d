# One SQLite database, copied while it is in use.
#
# The file and its companions must not be copied as files too: put
# `contracts.streams.sqliteFiles path` into excludePatterns. Both commands need
# to write to the directory of the database: readers of a WAL database take part
# in its shared memory.
{ lib, pkgs }:
{
  path,
  # System user that runs both commands; null is the contract's.
  user ? null,
  # Mode of the database where a load finds none to take it from.
  mode ? "0600",
  # Whether a database that does not exist is dumped as an empty one.
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

  # The open transaction makes the copy one point in time. Without it, each
  # commit of another process makes .backup begin again, perhaps for ever.
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
    # First: a log left beside another database than its own would be played
    # into it.
    rm -f -- "$database-wal" "$database-shm" "$database-journal"
    mv -T -- "$new" "$database"
    sync -- "$(dirname -- "$database")"
  '';
}
