# What the files of the catalogue share: the option that a service gets, and the parts
# of a contract that several need.
{
  config,
  lib,
  contracts,
}:
let
  inherit (lib) mkOption;

  # A database by option. Aborts evaluation for one that cannot be dumped from here.
  database = import ./database.nix { inherit config lib contracts; };

  # A path as contracts have it: some options end in a slash.
  path = value: lib.removeSuffix "/" (toString value);

  isDynamic =
    serviceConfig:
    lib.elem (serviceConfig.DynamicUser or false) [
      true
      "true"
      "yes"
    ];

  # `option` is the path of the service's options.
  backupOption =
    option: contract:
    mkOption {
      type = contracts.backup;
      readOnly = true;
      default = contract;
      defaultText = lib.literalMD "computed from the other options of `${option}`";
      description = ''
        Backup contract of `${option}`, for use in `backupservice.instances`. The
        catalogue of services says what it contains.
      '';
    };
in
{
  inherit backupOption database path;

  # The module of a service: its read-only option `backup`, and its registration. One
  # that is not registered is bound by hand only, never by `autoBind`.
  service =
    name:
    {
      # Attributes of a contract, or a lib.mkMerge of them. The names of hooks and
      # streams must not depend on config.systemd, which contains their units.
      contract,
      # Where the service's options are.
      path ? [
        "services"
        name
      ],
      enable ? lib.attrByPath (path ++ [ "enable" ]) false config,
      register ? true,
      # Rules for systemd-tmpfiles.
      rules ? [ ],
      # Directories of its units besides that need no backup.
      disposable ? [ ],
    }:
    {
      options = lib.setAttrByPath path {
        backup = backupOption (lib.concatStringsSep "." path) contract;
      };

      config = {
        backupservice.contracts = lib.mkIf (register && enable) {
          ${name} = (lib.getAttrFromPath path config).backup;
        };
        backupservice.coverage.ignore = lib.mkIf enable disposable;
        systemd.tmpfiles.rules = lib.mkIf enable rules;
      };
    };

  # For a service whose whole state is in a database. A backup needs a file: this one
  # says of which version the dump is.
  version =
    name: package:
    let
      directory = "/var/lib/backupservice-versions/${name}";
    in
    {
      inherit directory;
      rules = [
        "d ${directory} 0755 root root - -"
        "f+ ${directory}/version 0644 root root - ${lib.getName package} ${lib.getVersion package}"
      ];
    };

  # User and state directory of a service that has no options for them, or not in all
  # releases. A DynamicUser's /var/lib/NAME is a link, which a backup would save as such.
  unit =
    name:
    let
      inherit (config.systemd.services.${name}) serviceConfig;
    in
    {
      user = serviceConfig.User or name;
      stateDirectory =
        (if isDynamic serviceConfig then "/var/lib/private/" else "/var/lib/")
        + lib.head (lib.splitString " " (lib.head (lib.toList serviceConfig.StateDirectory)));
    };

  # The units that use a database server, to stop while all of it is restored: those that
  # are ordered after one of its units, and those of the contracts whose dump comes from it.
  clientsOf =
    { servers, isDump }:
    let
      isOrdered =
        name: service:
        !lib.hasPrefix "backupservice-" name
        && !lib.elem "${name}.service" servers
        && lib.any (unit: lib.elem unit servers) (service.after ++ service.requires ++ service.bindsTo);
      # One that cannot be dumped from here is none of this server's.
      isOfServer =
        contract:
        lib.any (stream: (builtins.tryEval (isDump stream.dump)).value) (lib.attrValues contract.streams);
    in
    lib.unique (
      map (name: "${name}.service") (lib.attrNames (lib.filterAttrs isOrdered config.systemd.services))
      ++ lib.concatMap (contract: contract.restore.units) (
        lib.filter isOfServer (lib.attrValues config.backupservice.contracts)
      )
    );

  # SQLite databases by the names of their streams: copied while they are in use.
  sqlite = databases: {
    streams = lib.mapAttrs (_: path: contracts.streams.sqlite { inherit path; }) databases;
    excludePatterns = lib.concatMap contracts.streams.sqliteFiles (lib.attrValues databases);
  };

  # Whether a path that an option names is state. What lies there comes from the
  # configuration, or is a secret that is kept elsewhere.
  isState =
    value:
    !lib.any (outer: lib.hasPrefix "${outer}/" (toString value)) [
      "/etc"
      "/nix/store"
      "/run"
    ];

  # The paths that are in none of the others.
  outermost =
    values:
    let
      paths = lib.unique (map path values);
      isInside = inner: lib.any (outer: lib.hasPrefix "${outer}/" inner) paths;
    in
    lib.filter (inner: !isInside inner) paths;

  # A probe: these files are in the restored copy, and are not empty.
  has =
    files: lib.concatMapStrings (file: "test -s \"$BACKUP_COPY\"${lib.escapeShellArg file}\n") files;
}
