# Home Assistant: its configuration directory and the recorder's database.
#
# Saved while it runs: it replaces the files below `.storage` by renaming, and the dump of
# the database is a consistent state. Its own backups, logs and what it installs again are
# not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  inherit (lib) mkOption literalExpression literalMD;

  cfg = config.services.home-assistant;
  option = "services.home-assistant.backup";
  database = import ./common/database.nix { inherit config lib contracts; };

  user = "hass";
  configDir = lib.removeSuffix "/" (toString cfg.configDir);

  # `config` is null if NixOS does not write configuration.yaml.
  settings = if cfg.config == null then { } else cfg.config;
  recorder =
    let
      value = settings.recorder or null;
    in
    if value == null then
      { }
    else if lib.isAttrs value then
      value
    else
      refuseUrl "is unknown: recorder is ${builtins.toJSON value}.";
  url = recorder.db_url or null;

  # Integrations that enable the recorder.
  usesRecorder = lib.any (name: settings ? ${name}) [
    "recorder"
    "default_config"
    "history"
    "logbook"
    "energy"
  ];

  refuseUrl =
    problem:
    database.refuse {
      inherit option;
      problem = "services.home-assistant.config.recorder.db_url ${problem}";
      reason = "The backup must dump the recorder's database, and this URL does not tell how to do so on this machine without a password.";
      remedy = ''Remove it to use SQLite, or write "postgresql://@/hass" or "mysql://hass@localhost/hass" for a server on this machine that lets the user "${user}" in through its socket; or write the contract by hand: backupservice.instances.<name> with sourceDirectories, and streams that dump and load the database.'';
    };

  # In SQLAlchemy, sqlite:////a is the file /a.
  sqliteUrlPath = lib.removePrefix "sqlite:///" url;
  isSqlite = url == null || lib.hasPrefix "sqlite:" url;
  sqlitePath =
    if url == null then
      "${configDir}/home-assistant_v2.db"
    else if lib.hasPrefix "${configDir}/" sqliteUrlPath && !lib.hasInfix "?" sqliteUrlPath then
      sqliteUrlPath
    else
      refuseUrl "is a SQLite database that is not below ${configDir}.";

  stream =
    if isSqlite then
      contracts.streams.sqlite {
        path = sqlitePath;
        # Even if the configuration does not enable the recorder, an integration set up
        # in the browser may.
        mayBeMissing = cfg.config != null && !usesRecorder;
      }
    else
      database.fromUrl {
        inherit option user url;
        setting = "services.home-assistant.config.recorder.db_url";
      };
in
{
  options.services.home-assistant.backup = mkOption {
    type = contracts.backup;
    readOnly = true;
    default = {
      inherit user;
      sourceDirectories = [ configDir ];
      # Links into the Nix store are included: the service recreates them when it
      # starts, and if NixOS does not write it, configuration.yaml is a user's file.
      excludePatterns = [
        # Home Assistant's own backups exclude these, too.
        "__pycache__"
        "${configDir}/*.log"
        "${configDir}/*.log.*"
        "${configDir}/OZW_Log.txt"
        "${configDir}/backups/*.tar"
        "${configDir}/tmp_backups"
        "${configDir}/tts"
        # Installed again by Home Assistant.
        "${configDir}/deps"
      ]
      ++ lib.optionals isSqlite (contracts.streams.sqliteFiles sqlitePath);
      streams.recorder = stream;
      restore.units = [ "home-assistant.service" ];
      probe = ''
        test -s "$BACKUP_COPY"${lib.escapeShellArg "${configDir}/.HA_VERSION"}
      '';
    };
    defaultText = literalMD "computed from the other options of `services.home-assistant`";
    example = literalExpression ''
      # Not set, but used:
      {
        backupservice.instances.home-assistant = config.services.home-assistant.backup // {
          enable = true;
          repository.path = "/srv/backup/home-assistant";
        };
      }
    '';
    description = ''
      Backup contract of Home Assistant, for use in `backupservice.instances`. It covers
      the configuration directory and the recorder's database, as named by
      `services.home-assistant.config.recorder.db_url`. Home Assistant keeps running
      during a backup.

      If `services.home-assistant.config` is null, the recorder is assumed to use SQLite,
      its default; the backup fails if that database does not exist.
    '';
  };

  config = lib.mkIf (config.services.home-assistant.enable or false) {
    backupservice.contracts.home-assistant = cfg.backup;
  };
}
