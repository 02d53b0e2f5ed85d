# One PostgreSQL database.
#
# By default the contract's user dumps and loads it, with the rights of the
# service and no more: what a dump says is run as SQL by whoever loads it. An
# extension that belongs to the superuser can only be replaced by the superuser:
# such a database needs `user = "postgres"`. Owners and privileges are kept
# either way, so the roles must exist.
{ lib, pkgs }:
{
  database,
  # System user that runs both commands; null is the contract's.
  user ? null,
  # Role to connect as; null is the one with the system user's name.
  role ? null,
  # Directory of the socket, or a host.
  host ? "/run/postgresql",
  port ? 5432,
  # Must not be older than the server.
  package ? pkgs.postgresql,
}:
let
  inherit (lib) escapeShellArg getExe';

  # In the environment, because a database's name can look like a connection
  # string on the command line.
  connection = ''
    export PGHOST=${escapeShellArg host} PGPORT=${toString port}
    export PGDATABASE=${escapeShellArg database}${
      lib.optionalString (role != null) " PGUSER=${escapeShellArg role}"
    }
  '';
in
{
  inherit user;

  dump = ''
    ${connection}
    ${getExe' package "pg_dump"} --no-password --format=custom --compress=0
  '';

  # One transaction: a load that fails leaves the database as it was. pg_restore
  # writes COMMIT after all of the dump was read, so a cut off one changes nothing.
  # Messages are terse because the context of an error is a row of the data.
  load = ''
    ${connection}
    {
      cat ${./empty-database.sql}
      ${getExe' package "pg_restore"} --single-transaction --clean --if-exists --file=-
    } | ${getExe' package "psql"} --no-password --no-psqlrc --quiet --output=/dev/null \
      --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse --set=SHOW_CONTEXT=never
  '';
}
