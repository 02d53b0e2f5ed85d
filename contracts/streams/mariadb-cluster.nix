# All databases of a MariaDB server, with its accounts, roles and privileges.
#
# MariaDB cannot roll back DROP or CREATE, so a failed load leaves part of the dump
# behind. Repeat it once the cause is fixed. Accounts that are not in the dump stay, and
# so do those of the server itself: root, and the user that runs both commands.
# mariadb-dump --system=users is not used: its output replaces the account that loads it.
{ lib, pkgs }:
{
  # System user that runs both commands, who must have all privileges.
  user ? "mysql",
  socket ? "/run/mysqld/mysqld.sock",
  package ? pkgs.mariadb,
}:
let
  inherit (lib) escapeShellArg getExe';

  # --no-defaults: a ~/.my.cnf must not decide what is saved, or where it goes.
  connection = "--no-defaults --protocol=socket --socket=${escapeShellArg socket} --default-character-set=utf8mb4";
  client = "${getExe' package "mariadb"} ${connection} --batch --raw --skip-column-names";
  databases = "FROM information_schema.schemata WHERE schema_name NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')";
in
{
  inherit user;
  databases = [ "mysql:*" ];

  # Privileges come last: some name tables and routines.
  dump = ''
    names=$(${client} --execute="SELECT schema_name ${databases}")
    if [ -n "$names" ]; then
      mapfile -t databases <<< "$names"
      ${getExe' package "mariadb-dump"} ${connection} \
        --single-transaction --quick --routines --events --triggers --hex-blob \
        --no-tablespaces --skip-dump-date --databases "''${databases[@]}"
    fi

    list() {
      local names
      names=$(${client} --execute="SELECT $1 FROM mysql.user WHERE $2 ORDER BY user, host")
      mapfile -t accounts <<< "$names"
      if [ -z "$names" ]; then
        accounts=()
      fi
    }
    for_each() {
      local account
      for account in "''${accounts[@]}"; do
        ${client} --execute="$1 $account" | sed -e 's/^CREATE USER/CREATE OR REPLACE USER/' -e 's/$/;/'
      done
    }
    list 'quote(user)' "is_role = 'Y' AND user <> 'PUBLIC'"
    roles=("''${accounts[@]}")
    for role in "''${roles[@]}"; do
      echo "CREATE OR REPLACE ROLE $role;"
    done
    list "concat(quote(user), '@', quote(host))" \
      "is_role = 'N' AND user NOT IN ('mariadb.sys', 'root') AND concat(user, '@', host) <> current_user()"
    for_each 'SHOW CREATE USER'
    for_each 'SHOW GRANTS FOR'
    accounts=("''${roles[@]}")
    for_each 'SHOW GRANTS FOR'
    echo '-- Server dump completed'
  '';

  # A dump ends with a marker; to the client, one truncated between two statements
  # would look complete. A failed statement is not printed: it contains data.
  load = ''
    names=$(${client} --execute="SELECT concat('DROP DATABASE \`', replace(schema_name, '\`', '\`\`'), '\`;') ${databases}")
    {
      printf '%s\n' "$names"
      LC_ALL=C ${getExe' pkgs.gawk "awk"} '
        { print; if ($0 != "") last = $0 }
        END { if (last !~ /^-- Server dump completed/) { print "the dump is truncated" > "/dev/stderr"; exit 1 } }
      '
    } | ${client} --loose-skip-print-query-on-error
  '';
}
