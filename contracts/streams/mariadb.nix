# One MariaDB or MySQL database.
#
# MariaDB cannot roll back DROP or CREATE, so a failed load leaves part of the dump
# behind. Repeat it once the cause is fixed.
{ lib, pkgs }:
{
  database,
  # System user that runs both commands. null: the contract's.
  user ? null,
  # Account to connect as. null: the one with the system user's name, which
  # `unix_socket` authentication admits without a password.
  role ? null,
  socket ? "/run/mysqld/mysqld.sock",
  package ? pkgs.mariadb,
}:
let
  inherit (lib) escapeShellArg getExe';

  isMariadb = lib.hasPrefix "mariadb" (lib.getName package);
  # --no-defaults: a ~/.my.cnf must not decide what is saved, or where it goes.
  connection =
    "--no-defaults --protocol=socket --socket=${escapeShellArg socket} --default-character-set=utf8mb4"
    + lib.optionalString (role != null) " --user=${escapeShellArg role}";
in
{
  inherit user;
  databases = [ "mysql:${database}" ];

  # --databases --add-drop-database: the load starts with an empty database with
  # the character set of the dumped one.
  dump = ''
    ${getExe' package (if isMariadb then "mariadb-dump" else "mysqldump")} ${connection} \
      --single-transaction --quick --routines --events --triggers --hex-blob \
      --no-tablespaces --skip-dump-date ${lib.optionalString (!isMariadb) "--set-gtid-purged=OFF "}\
      --add-drop-database --databases ${escapeShellArg database}
  '';

  # A dump ends with a marker; to the client, one truncated between two statements
  # would look complete. A failed statement is not printed: it contains data.
  load = ''
    LC_ALL=C ${getExe' pkgs.gawk "awk"} '
      { print; if ($0 != "") last = $0 }
      END { if (last !~ /^-- Dump completed/) { print "the dump is truncated" > "/dev/stderr"; exit 1 } }
    ' | ${getExe' package (if isMariadb then "mariadb" else "mysql")} ${connection} --batch \
      --loose-skip-print-query-on-error
  '';
}
