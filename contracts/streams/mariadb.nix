# One MariaDB or MySQL database.
#
# MariaDB cannot undo a DROP or CREATE, so a load that fails leaves part of the
# dump behind: it is to be repeated once its cause is gone.
{ lib, pkgs }:
{
  database,
  # System user that runs both commands; null is the contract's.
  user ? null,
  # Account to connect as; null is the one with the system user's name, which
  # `unix_socket` authentication lets in without a password.
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

  # --databases --add-drop-database: the load starts from an empty database that
  # has the character set of the old one.
  dump = ''
    ${getExe' package (if isMariadb then "mariadb-dump" else "mysqldump")} ${connection} \
      --single-transaction --quick --routines --events --triggers --hex-blob \
      --no-tablespaces --skip-dump-date ${lib.optionalString (!isMariadb) "--set-gtid-purged=OFF "}\
      --add-drop-database --databases ${escapeShellArg database}
  '';

  # The dump says itself where it ends; one that was cut off between two
  # statements would look whole to the client. A failed statement is not printed:
  # it is a piece of the data.
  load = ''
    LC_ALL=C ${getExe' pkgs.gawk "awk"} '
      { print; if ($0 != "") last = $0 }
      END { if (last !~ /^-- Dump completed/) { print "the dump is cut off" > "/dev/stderr"; exit 1 } }
    ' | ${getExe' package (if isMariadb then "mariadb" else "mysql")} ${connection} --batch \
      --loose-skip-print-query-on-error
  '';
}
