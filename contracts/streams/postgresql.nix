# One PostgreSQL database.
#
# By default the contract's user dumps and loads it, with no more rights than the
# service: loading a dump runs its SQL. Only a superuser can replace an extension
# that a superuser owns: such a database needs `user = "postgres"`. Owners and
# privileges are kept either way, so the roles must exist.
{ lib, pkgs }:
{
  database,
  # System user that runs both commands. null: the contract's.
  user ? null,
  # Role to connect as. null: the one with the system user's name.
  role ? null,
  # Directory of the socket, or a host name.
  host ? "/run/postgresql",
  port ? 5432,
  # Must not be older than the server.
  package ? pkgs.postgresql,
  # Tables whose rows are not saved, as patterns of pg_dump.
  excludeData ? [ ],
  # Schemas in which a load looks for what the database's functions name without one. null:
  # none, so that such a function fails, if an index needs it.
  searchPath ? null,
}:
let
  inherit (lib) escapeShellArg getExe';

  # In the environment: on the command line, a database name can be taken for a
  # connection string.
  connection = ''
    export PGHOST=${escapeShellArg host} PGPORT=${toString port}
    export PGDATABASE=${escapeShellArg database}${
      lib.optionalString (role != null) " PGUSER=${escapeShellArg role}"
    }
  '';
in
{
  inherit user;
  databases = [ "postgresql:${database}" ];

  dump = ''
    ${connection}
    ${getExe' package "pg_dump"} --no-password --format=custom --compress=0${
      lib.concatMapStrings (table: " --exclude-table-data=${escapeShellArg table}") excludeData
    }
  '';

  # One transaction: a failed load leaves the database as it was. pg_restore writes
  # COMMIT after reading the whole dump, so a truncated one changes nothing.
  # Messages are terse because the context of an error is a row of the data.
  load = ''
    ${connection}
    {
      cat ${./empty-database.sql}
      ${getExe' package "pg_restore"} --single-transaction --clean --if-exists --file=-${
        # The first one, before any data.
        lib.optionalString (searchPath != null)
          " | LC_ALL=C sed ${escapeShellArg "0,/set_config('search_path', '',/s//set_config('search_path', '${searchPath}',/"}"
      }
    } | ${getExe' package "psql"} --no-password --no-psqlrc --quiet --output=/dev/null \
      --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse --set=SHOW_CONTEXT=never
  '';
}
