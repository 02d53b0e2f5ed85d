# What this configuration declares to be data, each as { kind, name, declaredBy }.
{
  config,
  lib,
  layout,
}:
let
  inherit (lib) concatLists mapAttrsToList;

  entry = kind: declaredBy: name: {
    inherit kind name;
    declaredBy = [ declaredBy ];
  };

  isOurs = lib.hasPrefix "backupservice";

  isDynamic =
    service:
    lib.elem (service.serviceConfig.DynamicUser or false) [
      true
      "true"
      "yes"
    ];

  # Of systemd's specifiers, only those of a name are known. What is below another belongs
  # to the directory above.
  expand =
    name: directory:
    let
      stem = lib.head (lib.splitString "@" name);
      expanded = lib.replaceStrings [ "%N" "%p" "%n" ] [ name stem "${name}.service" ] directory;
      known = lib.head (builtins.split "/[^/]*%.*" expanded);
    in
    if lib.hasInfix "@" name && lib.hasInfix "%N" directory then stem else known;

  ofUnits = concatLists (
    mapAttrsToList (
      name: service:
      map
        (
          # A link to it can follow after a colon.
          directory:
          entry "directory" "${name}.service"
            "/var/lib/${lib.optionalString (isDynamic service) "private/"}${expand name (lib.head (lib.splitString ":" directory))}"
        )
        (
          lib.filter (directory: directory != "") (
            lib.concatMap (lib.splitString " ") (lib.toList (service.serviceConfig.StateDirectory or [ ]))
          )
        )
    ) (lib.filterAttrs (name: service: service.enable && !isOurs name) config.systemd.services)
  );

  # Directories, of whichever kind.
  makesDirectory = type: builtins.match "[dDevqQ][+!=~^$-]*" type != null;
  rules =
    map (rule: lib.filter (word: lib.isString word && word != "") (builtins.split "[ \t]+" rule)) (
      lib.filter (rule: !lib.hasPrefix "#" rule) config.systemd.tmpfiles.rules
    )
    ++ concatLists (
      concatLists (
        mapAttrsToList (
          _:
          mapAttrsToList (
            path: types:
            map (type: [
              type
              path
            ]) (lib.attrNames types)
          )
        ) config.systemd.tmpfiles.settings
      )
    );
  ofTmpfiles = map (rule: entry "directory" "systemd.tmpfiles" (lib.elemAt rule 1)) (
    lib.filter (
      rule:
      lib.length rule > 1
      && makesDirectory (lib.head rule)
      && lib.hasPrefix "/var/lib/" (lib.elemAt rule 1)
      # Of all services with a DynamicUser.
      && lib.elemAt rule 1 != "/var/lib/private"
    ) rules
  );

  database = server: name: entry "database" "services.${server}" "${server}:${name}";
  ofServers =
    lib.optionals config.services.postgresql.enable (
      map (database "postgresql") config.services.postgresql.ensureDatabases
    )
    ++ lib.optionals config.services.mysql.enable (
      map (database "mysql") (
        config.services.mysql.ensureDatabases
        ++ map (made: made.name) config.services.mysql.initialDatabases
      )
    );

  ofUsers = mapAttrsToList (name: user: entry "home" "users.users.${name}" user.home) (
    lib.filterAttrs (
      _: user: user.isNormalUser && (user.enable or true) && user.home != "/var/empty"
    ) config.users.users
  );

  ofContracts = concatLists (
    mapAttrsToList (
      name: contract:
      map (entry "directory" "backupservice.contracts.${name}") (sourcesOf contract)
      ++ map (entry "database" "backupservice.contracts.${name}") (databasesOf contract)
    ) config.backupservice.contracts
  );

  sourcesOf = contract: unlessRefused (layout.sources contract);
  databasesOf =
    contract:
    unlessRefused (lib.concatMap (stream: stream.databases) (lib.attrValues contract.streams));

  # A contract can refuse a configuration of its service: whoever uses it learns why.
  unlessRefused =
    items:
    let
      tried = builtins.tryEval (builtins.deepSeq items items);
    in
    lib.optionals tried.success tried.value;
in
{
  inherit databasesOf sourcesOf;

  entries = ofUnits ++ ofTmpfiles ++ ofServers ++ ofUsers ++ ofContracts;
}
