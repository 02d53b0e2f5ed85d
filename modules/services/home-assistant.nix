# The contract of Home Assistant: its configuration directory and the recorder's
# database.
#
# Nothing is stopped for a backup: the files below .storage are replaced by
# renaming, and the database is dumped as of one moment.
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
  database = import ./database.nix { inherit config lib contracts; };

  user = "hass";
  configDir = lib.removeSuffix "/" (toString cfg.configDir);

  # Null where configuration.yaml is not written by NixOS.
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
      refuseUrl "is not known, because recorder is ${builtins.toJSON value}.";
  url = recorder.db_url or null;

  # Integrations that bring the recorder along.
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
      reason = "The recorder's database has to be dumped, and this URL does not tell how that can be done on this machine without a password.";
      remedy = ''Leave it out for SQLite, or write "postgresql://@/hass" or "mysql://hass@localhost/hass" for a server on this machine that lets the user "${user}" in through its socket; or write the contract by hand: backupservice.instances.<name> with sourceDirectories, and streams that dump and load the database.'';
    };

  # scheme, role, password, host, port, name and query of the URL.
  parts = builtins.match "([a-z]+)([+][a-z0-9_]+)?://(([^:@/]*)(:([^@/]*))?@)?([^:/?]*)(:([0-9]+))?/([^?]*)([?](.*))?" url;
  part = index: toString (lib.elemAt parts index);
  query = lib.listToAttrs (
    map (
      pair:
      let
        fields = lib.splitString "=" pair;
      in
      lib.nameValuePair (lib.head fields) (lib.concatStringsSep "=" (lib.tail fields))
    ) (lib.filter (pair: pair != "") (lib.splitString "&" (part 11)))
  );
  server = {
    inherit option user;
    subject = "services.home-assistant.config.recorder.db_url names";
    database = part 9;
    role = if part 3 == "" then user else part 3;
    host = if part 6 == "" then query.host or "" else part 6;
    hasPassword = part 5 != "" || query ? password || query ? passwd;
  }
  // lib.optionalAttrs (part 8 != "") { port = lib.toInt (part 8); };

  # What SQLAlchemy calls sqlite:////a is the file /a.
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
        # Where nothing asks for the recorder, an integration that was set up in
        # the browser can still bring it along.
        mayBeMissing = cfg.config != null && !usesRecorder;
      }
    else if parts == null || part 9 == "" then
      refuseUrl "is not a URL that can be understood while evaluating."
    else if lib.hasPrefix "postgres" (part 0) then
      database.postgresql server
    else if part 0 == "mysql" || part 0 == "mariadb" then
      database.mysql (server // lib.optionalAttrs (query ? unix_socket) { socket = query.unix_socket; })
    else
      refuseUrl "is a database of a kind that there is no dump for.";
in
{
  options.services.home-assistant.backup = mkOption {
    type = contracts.backup;
    readOnly = true;
    default = {
      inherit user;
      sourceDirectories = [ configDir ];
      # Links into the Nix store stay in: the service makes them anew when it
      # starts, and where NixOS does not write it, configuration.yaml is a file
      # of the user's own.
      excludePatterns = [
        # As in the backups that Home Assistant makes itself.
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
      What must be saved of Home Assistant, for use in `backupservice.instances`:
      its configuration directory, and the recorder's database as
      `services.home-assistant.config.recorder.db_url` names it. Home Assistant
      keeps running during the backup.

      Where `services.home-assistant.config` is null, the recorder is taken to use
      SQLite, as it does by default, and the backup fails if that database does
      not exist.
    '';
  };

  config = lib.mkIf (config.services.home-assistant.enable or false) {
    backupservice.contracts.home-assistant = cfg.backup;
  };
}
