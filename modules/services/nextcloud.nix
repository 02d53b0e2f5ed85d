# Nextcloud: settings, apps, the files of its users and the database.
#
# Closed by its maintenance mode while they are read, so that files and database are of
# one moment; the database is dumped, whatever its type. Files in an object storage are
# not saved. Not part of its state, and kept elsewhere: files with passwords that its
# options name.
{
  config,
  lib,
  pkgs,
  contracts,
  ...
}:
let
  inherit (lib) mkOption literalExpression literalMD;

  cfg = config.services.nextcloud;
  option = "services.nextcloud.backup";
  database = import ./common/database.nix { inherit config lib contracts; };

  user = "nextcloud";
  occ = "${cfg.occ}/bin/nextcloud-occ";

  # Nextcloud merges `settings` over `config`.
  setting = name: cfg.settings.${name} or cfg.config.${name};

  # User files. They can be outside of datadir.
  dataDirectory = cfg.settings.datadirectory or "${cfg.datadir}/data";

  # Apps from the app store are below home, not datadir.
  sourceDirectories =
    let
      paths = lib.unique (
        map (lib.removeSuffix "/") [
          cfg.home
          cfg.datadir
          dataDirectory
        ]
      );
      isInside = path: lib.any (other: lib.hasPrefix "${other}/" path) paths;
    in
    lib.filter (path: !isInside path) paths;

  sqlitePath = "${dataDirectory}/${setting "dbname"}.db";

  # The parts before and after the last colon: host and port, or host and socket.
  hostParts =
    let
      host = toString (setting "dbhost");
      parts = builtins.match "(.*):([^]:]+)" host;
    in
    if parts == null then
      {
        host = host;
        rest = null;
      }
    else
      {
        host = lib.head parts;
        rest = lib.last parts;
      };
  port =
    lib.optionalAttrs (hostParts.rest != null && builtins.match "[0-9]+" hostParts.rest != null)
      {
        port = lib.toInt hostParts.rest;
      };

  server = {
    inherit option user;
    inherit (hostParts) host;
    subject = "services.nextcloud.config.dbhost = \"${toString (setting "dbhost")}\" names";
    database = setting "dbname";
    role = toString (setting "dbuser");
    hasPassword =
      cfg.config.dbpassFile != null || cfg.settings ? dbpassword || (cfg.secrets or { }) ? dbpassword;
  }
  // port;

  isSqlite = setting "dbtype" == "sqlite";

  stream =
    {
      sqlite = contracts.streams.sqlite {
        path = sqlitePath;
        mode = "0640";
      };
      pgsql = database.postgresql server;
      mysql = database.mysql (
        server // lib.optionalAttrs (port == { } && hostParts.rest != null) { socket = hostParts.rest; }
      );
    }
    .${toString (setting "dbtype")} or (database.refuse {
      inherit option;
      problem = "services.nextcloud.config.dbtype is ${builtins.toJSON (setting "dbtype")}.";
      reason = "How to dump the database depends on its type, and this one is not supported.";
      remedy = ''Set it to "pgsql", "mysql" or "sqlite".'';
    });

  # occ needs the same secrets as Nextcloud's own units: without
  # $CREDENTIALS_DIRECTORY it would start itself again through systemd-run, which
  # its user may not do. Older NixOS releases read the files directly.
  credentials = lib.listToAttrs (
    map (
      entry:
      let
        name = lib.head (lib.splitString ":" entry);
        file = lib.removePrefix "${name}:" entry;
      in
      lib.nameValuePair name file
    ) (lib.toList (config.systemd.services.nextcloud-cron.serviceConfig.LoadCredential or [ ]))
  );

  # Records which instances hold maintenance mode: simultaneous backups share it.
  # In /run, because a reboot ends both.
  holders = "/run/backupservice-nextcloud";

  mkHook = name: command: {
    inherit name command credentials;
    readWritePaths = [ holders ];
  };

  close = mkHook "maintenance-on" ''
    exec 9> ${holders}/lock
    ${pkgs.util-linux}/bin/flock 9
    if ! compgen -G '${holders}/held-by-*' > /dev/null; then
      # Do not end a maintenance that somebody else started.
      case "$(${occ} maintenance:mode)" in
        *'currently enabled'*) touch ${holders}/keep ;;
        *) rm -f ${holders}/keep ;;
      esac
    fi
    touch "${holders}/held-by-$BACKUP_INSTANCE"
    ${occ} maintenance:mode --on
    # Until then, PHP uses the configuration it has cached.
    sleep $((${toString (cfg.phpOptions."opcache.revalidate_freq" or 2)} + 1))
  '';

  open = mkHook "maintenance-off" ''
    exec 9> ${holders}/lock
    ${pkgs.util-linux}/bin/flock 9
    for holder in ${holders}/held-by-* ${holders}/keep; do
      if [ -e "$holder" ] && [ "$holder" != "${holders}/held-by-$BACKUP_INSTANCE" ]; then
        echo "Nextcloud stays in maintenance mode for ''${holder##*/}"
        rm -f "${holders}/held-by-$BACKUP_INSTANCE"
        exit 0
      fi
    done
    ${occ} maintenance:mode --off
    rm -f "${holders}/held-by-$BACKUP_INSTANCE"
  '';

  reopen = mkHook "maintenance-off" ''
    # This link into the Nix store is excluded from the backup: it belongs to the
    # running system.
    ${config.systemd.package}/bin/systemd-tmpfiles --create \
      --prefix=${lib.escapeShellArg "${cfg.datadir}/config/override.config.php"}
    rm -f ${holders}/held-by-* ${holders}/keep
    # The backup was made in maintenance mode, so the restored state has it on.
    ${occ} maintenance:mode --off
    # The backup may be of an older version than the one installed.
    ${occ} upgrade
    # Makes clients accept files older than the ones they know.
    ${occ} maintenance:data-fingerprint
  '';

  withWarning = lib.warnIf (cfg.config.objectstore.s3.enable || cfg.settings ? objectstore) ''
    ${option}: user files are in an object storage, which this backup does not contain.
    After a loss, only Nextcloud's configuration and database could be restored.
    Back up the bucket by other means.
  '';
in
{
  options.services.nextcloud.backup = mkOption {
    type = contracts.backup;
    readOnly = true;
    default = {
      inherit user;
      sourceDirectories = withWarning sourceDirectories;
      excludePatterns = [
        "${cfg.datadir}/config/override.config.php"
        # Earlier versions kept by the updater; NixOS has its own generations.
        "${dataDirectory}/updater-*"
      ]
      ++ lib.optionals isSqlite (contracts.streams.sqliteFiles sqlitePath);
      hooks = {
        beforeBackup = [ close ];
        afterBackup = [ open ];
        afterRestore = [ reopen ];
      };
      streams.database = stream;
      restore.units = [
        "phpfpm-nextcloud.service"
        "nextcloud-cron.timer"
        "nextcloud-cron.service"
        "nextcloud-setup.service"
        "nextcloud-update-db.service"
      ]
      ++ lib.optionals cfg.autoUpdateApps.enable [
        "nextcloud-update-plugins.timer"
        "nextcloud-update-plugins.service"
      ]
      ++ lib.optional (cfg.notify_push.enable or false) "nextcloud-notify_push.service";
      probe = ''
        grep -q "'instanceid'" "$BACKUP_COPY"${lib.escapeShellArg "${cfg.datadir}/config/config.php"}
      '';
    };
    defaultText = literalMD "computed from the other options of `services.nextcloud`";
    example = literalExpression ''
      # Not set, but used:
      {
        backupservice.instances.nextcloud = config.services.nextcloud.backup // {
          enable = true;
          repository.path = "/srv/backup/nextcloud";
        };
      }
    '';
    description = ''
      Backup contract of Nextcloud, for use in `backupservice.instances`. It covers
      configuration, apps, user files and the database, whatever its type. Maintenance
      mode is on while the data is read, and is turned off after a backup and after a
      restore.

      A database server on another machine is refused, because a dump has no password
      for it. Files in an object storage are not included.
    '';
  };

  config = lib.mkIf (config.services.nextcloud.enable or false) {
    backupservice.contracts.nextcloud = cfg.backup;
    # Caches and locks.
    backupservice.coverage.ignore = [ "/var/lib/redis-nextcloud" ];

    systemd.tmpfiles.rules = [ "d ${holders} 0700 ${user} ${user} - -" ];
  };
}
