# All databases of a PostgreSQL server, with its roles, their passwords and memberships.
#
# A load drops all databases first, and whoever uses them is disconnected. It is not one
# transaction: if it fails, repeat it once the cause is fixed. Roles that are not in the
# dump stay. Not contained: what somebody changed in template1, and tablespaces; what is
# in one goes where the server puts new tables.
{ lib, pkgs }:
{
  # System user that runs both commands, who must be a superuser of the server.
  user ? "postgres",
  # Directory of the socket.
  host ? "/run/postgresql",
  port ? 5432,
  # Must not be older than the server.
  package ? pkgs.postgresql,
}:
let
  inherit (lib) escapeShellArg getExe';

  # In the environment: on the command line, a database name can be taken for a
  # connection string.
  connection = "export PGHOST=${escapeShellArg host} PGPORT=${toString port} PGDATABASE=postgres";
  psql = "${getExe' package "psql"} --no-password --no-psqlrc --quiet --set=ON_ERROR_STOP=1";
  pg_dump = "${getExe' package "pg_dump"} --no-password --no-tablespaces";
  databases = "FROM pg_catalog.pg_database WHERE NOT datistemplate AND datname <> 'postgres'";
in
{
  inherit user;
  databases = [ "postgresql:*" ];

  # Roles exist before a restore: the server's own, and those that NixOS ensures.
  dump = ''
    ${connection}
    ${getExe' package "pg_dumpall"} --no-password --globals-only --no-tablespaces |
      sed -E 's/^CREATE ROLE (.*);$/DO $role$ BEGIN CREATE ROLE \1; EXCEPTION WHEN duplicate_object THEN NULL; END $role$;/'
    ${psql} --tuples-only --no-align --command="SELECT datname ${databases} AND datallowconn ORDER BY datname" |
      while IFS= read -r database; do
        PGDATABASE=$database ${pg_dump} --create
      done
    echo '\connect postgres'
    ${pg_dump}
    echo '-- Cluster dump completed'
  '';

  # To psql, a dump truncated between two statements would look complete.
  load = ''
    ${connection}
    {
      echo "SELECT pg_catalog.format('DROP DATABASE %I WITH (FORCE)', datname) ${databases} \gexec"
      cat ${./empty-database.sql}
      echo 'COMMIT;'
      LC_ALL=C ${getExe' pkgs.gawk "awk"} '
        { print; if ($0 != "") last = $0 }
        END { if (last !~ /^-- Cluster dump completed/) { print "the dump is truncated" > "/dev/stderr"; exit 1 } }
      '
    } | ${psql} --output=/dev/null --set=VERBOSITY=terse --set=SHOW_CONTEXT=never
  '';
}
