# Renders docs/reference/services.md, and what a person reviews of each contract.
#
# `machines`: evaluations with all services of the catalogue enabled and backed up, the
# first with SQLite. `endToEnd`: whether a test backs up and restores the real program.
# `isStandIn`: whether the service's own module is one of the tests.
{
  lib,
  machines,
  endToEnd,
  isStandIn,
}:
let
  catalogue = ../../modules/services;
  others = {
    backrest = ../../contracts/backrest.nix;
  };

  instances = lib.mapAttrsToList (_: machine: machine.config.backupservice.instances) machines;
  names = lib.attrNames (lib.mergeAttrsList instances);
  # Each contract of a service that differs.
  variants =
    name:
    lib.unique (
      map (machine: contractOf machine.${name}) (lib.filter (machine: machine ? ${name}) instances)
    );
  contractOf = instance: {
    inherit (instance)
      user
      sourceDirectories
      excludePatterns
      probe
      ;
    hooks = lib.mapAttrs (_: map (hook: hook.name)) instance.hooks;
    streams = lib.mapAttrs (_: stream: { inherit (stream) user dump; }) instance.streams;
    quiesce = instance.quiesce.units;
    restore = instance.restore.units;
  };

  # The file that a contract comes from.
  fileOf =
    name:
    let
      option = lib.findFirst lib.isOption null (
        lib.mapAttrsToList (_: machine: machine.options.services.${name}.backup or null) machines
      );
      family = catalogue + "/${lib.head (lib.splitString "-" name)}.nix";
    in
    others.${name} or (if option == null then family else lib.head option.declarations);
  files = lib.groupBy (name: toString (fileOf name)) names;

  isRegistered =
    name: lib.any (machine: machine.config.backupservice.contracts ? ${name}) (lib.attrValues machines);

  # The comment at the start of a file: "Title: what is saved.", then paragraphs.
  comment =
    file:
    let
      lines = lib.splitString "\n" (builtins.readFile file);
      length = lib.lists.findFirstIndex (line: !lib.hasPrefix "#" line) 0 lines;
      text = lib.concatMapStringsSep "\n" (line: lib.removePrefix " " (lib.removePrefix "#" line)) (
        lib.take length lines
      );
      title = lib.head (lib.splitString ":" text);
    in
    {
      inherit title;
      text = "**Contents:**" + lib.removePrefix "${title}:" text;
    };

  # Stands for a database whose service has no files.
  isVersion = lib.hasPrefix "/var/lib/backupservice-versions/";

  code = text: "`${text}`";
  cell = items: if items == [ ] then "–" else lib.concatStringsSep ", " items;

  kindOf =
    stream:
    lib.findFirst (kind: lib.hasInfix kind.program stream.dump)
      (throw "a dump of an unknown kind: ${stream.dump}")
      [
        {
          program = "pg_dumpall";
          title = "PostgreSQL";
        }
        {
          program = "pg_dump";
          title = "PostgreSQL";
        }
        {
          program = "mariadb-dump";
          title = "MariaDB";
        }
        {
          program = "sqlite3";
          title = "SQLite";
        }
      ];
  # What a service's data is dumped from, in whichever way it is configured.
  dumps =
    contracts:
    lib.unique (
      lib.concatMap (
        contract: map (stream: (kindOf stream).title) (lib.attrValues contract.streams)
      ) contracts
    );

  row =
    name:
    let
      contracts = variants name;
      first = lib.head contracts;
      unitName = unit: code (lib.removeSuffix ".service" unit);
      stops = units: lib.optional (units != [ ]) "stops ${cell (map unitName units)}";
      runs = map (hook: "runs ${code hook}");
      isStill = contract: stops contract.quiesce ++ runs contract.hooks.beforeBackup;
      ways =
        if lib.length (lib.unique (map isStill contracts)) == 1 then
          [ (isStill first ++ dumpsOf contracts) ]
        else
          map (contract: isStill contract ++ dumpsOf [ contract ]) contracts;
      dumpsOf =
        contracts:
        lib.optional (
          (lib.head contracts).streams != { }
        ) "dumps ${lib.concatStringsSep " or " (dumps contracts)}";
      consistency = lib.filter (way: way != "") (map (lib.concatStringsSep "; ") ways);
      restore =
        (if isServer then [ "stops what uses it" ] else stops first.restore)
        ++ lib.optional (first.streams != { }) "loads the dump"
        ++ runs first.hooks.afterRestore;
      isServer = lib.all isVersion first.sourceDirectories && lib.length first.restore > 1;
    in
    "| ${code name} | ${
      cell (map code (lib.filter (path: !isVersion path) first.sourceDirectories))
    } | ${
      if consistency == [ ] then "copies while it runs" else lib.concatStringsSep ", or " consistency
    } | ${lib.concatStringsSep "; " restore} | ${if isRegistered name then "yes" else "by hand"} | ${
      if endToEnd name then
        "end to end"
      else if isStandIn name then
        "stand-in"
      else
        "evaluated"
    } |";

  section =
    file: members:
    let
      about = comment file;
    in
    ''
      ## ${about.title}

      ${lib.concatMapStringsSep ", " code members}

      ${about.text}
    '';

  ordered = lib.sort (a: b: lib.toLower a.title < lib.toLower b.title) (
    lib.mapAttrsToList (file: members: {
      inherit (comment file) title;
      text = section file members;
    }) files
  );

  # The lines of a dump that say what is dumped.
  place =
    stream:
    lib.filter (
      line: builtins.match "database=/.*|export PG.*|.*--databases .*|.*--socket=.*" line != null
    ) (lib.splitString "\n" stream.dump);

  withoutHash =
    text: lib.concatStrings (lib.filter lib.isString (builtins.split "[a-z0-9]{32}-" text));

  reviewed =
    name: contract:
    let
      lines = label: map (item: "  ${label} ${item}");
      hooks = lib.concatLists (lib.mapAttrsToList (kind: map (hook: "${kind} ${hook}")) contract.hooks);
      dumps = lib.concatLists (
        lib.mapAttrsToList (
          stream: value:
          map (
            line:
            "${stream}${
              lib.optionalString (value.user != null) " as ${value.user}"
            }: ${withoutHash (lib.trim line)}"
          ) (place value)
        ) contract.streams
      );
    in
    lib.concatLines (
      [ name ]
      ++ lines "user" [ contract.user ]
      ++ lines "saves" contract.sourceDirectories
      ++ lines "excludes" contract.excludePatterns
      ++ lines "stops" contract.quiesce
      ++ lines "hook" hooks
      ++ lines "dumps" dumps
      ++ lines "restore stops" contract.restore
      ++ lines "probe" (
        lib.optionals (contract.probe != null) (lib.splitString "\n" (lib.trim contract.probe))
      )
    );
in
{
  page = ''
    # Services

    <!-- Generated from modules/services by `make render`. Do not edit. -->

    Each of these has a read-only option, its contract: `services.<name>.backup`, unless its
    section names another.
    `backupservice.autoBind` backs up all that are enabled, but those that are bound by
    hand: see [Configure a backup](../how-to/configure-a-backup.md). Directories are the
    defaults; contracts take them from the service's own options.

    A contract is tested by evaluation: with NixOS's modules of August 2024, its paths, users
    and units are those of the service's own units. Of a service that is newer, a stand-in
    takes the place of its module. End to end, a test backs the real program
    up while it is written to, destroys its data, restores it, and reads it back.

    | Service | Directories | A backup | A restore | `autoBind` | Tested |
    |---|---|---|---|---|---|
    ${lib.concatMapStringsSep "\n" row names}

    ${lib.concatMapStringsSep "\n" (one: one.text) ordered}'';

  golden = lib.concatMapStringsSep "\n" (
    name: lib.concatMapStringsSep "\n" (reviewed name) (variants name)
  ) names;
}
