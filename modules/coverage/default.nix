# Coverage: what is declared to be data, compared with what the instances save.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ../layout.nix { inherit lib utils; };
  declared = import ./declared.nix { inherit config lib layout; };

  enabled = layout.enabled cfg.instances;

  # What each of these saves, by name.
  savedBy = lib.mapAttrs (
    _: contract: {
      inherit (contract) excludePatterns;
      paths = declared.sourcesOf contract;
      databases = declared.databasesOf contract;
    }
  );
  byInstances = savedBy enabled;
  byContracts = savedBy cfg.contracts;

  # Whether a pattern excludes a directory as a whole. One with other wildcards may, too.
  excludes =
    path: pattern:
    let
      excluded = lib.removeSuffix "/*" (lib.removeSuffix "/**" pattern);
    in
    builtins.match ".*[*?[].*" excluded == null
    && (
      if lib.hasPrefix "/" excluded then
        layout.isWithin excluded path
      else
        lib.elem excluded (lib.splitString "/" path)
    );

  # Which of these save all of it.
  savers =
    entry:
    namesWhere (
      saved:
      if entry.kind == "database" then
        lib.elem entry.name saved.databases
        || lib.elem "${lib.head (lib.splitString ":" entry.name)}:*" saved.databases
      else
        lib.any (path: layout.isWithin path entry.name) saved.paths
        && !lib.any (excludes entry.name) saved.excludePatterns
    );

  # Which save something below it. The directory of a server holds its databases.
  inParts =
    entry:
    namesWhere (
      saved:
      entry.kind != "database"
      && (
        lib.any (layout.isWithin entry.name) saved.paths
        || lib.any (server: lib.any (lib.hasPrefix "${server}:") saved.databases) (serversIn entry)
      )
    );
  serversIn =
    entry:
    lib.filter (
      server:
      config.services.${server}.enable && layout.isWithin entry.name config.services.${server}.dataDir
    ) servers;
  servers = [
    "mysql"
    "postgresql"
  ];
  namesWhere = holds: candidates: lib.attrNames (lib.filterAttrs (_: holds) candidates);

  # What NixOS and this module make anew, or keep for themselves.
  ignored = [
    "/var/lib/backupservice"
    "/var/lib/backupservice-metrics"
    "/var/lib/backupservice-secrets"
    "/var/lib/backupservice-versions"
    "/var/lib/dhcpcd"
    "/var/lib/systemd"
  ]
  ++ cfg.coverage.ignore;
  isIgnored =
    entry:
    lib.any (
      item: if lib.hasPrefix "/" item then layout.isWithin item entry.name else item == entry.name
    ) ignored;

  judge =
    entry:
    let
      whole = savers entry byInstances;
      parts = inParts entry byInstances;
      state =
        if whole != [ ] then
          "saved"
        else if isIgnored entry then
          "ignored"
        else if parts != [ ] then
          "partly"
        else
          "uncovered";
    in
    entry
    // {
      inherit state;
      instances = if whole != [ ] then whole else parts;
      contracts = lib.optionals (state == "uncovered") (
        lib.unique (savers entry byContracts ++ inParts entry byContracts)
      );
    };

  # Each once, with all that declare it.
  judged =
    let
      normal = map (
        entry:
        entry
        // lib.optionalAttrs (entry.kind != "database") {
          name = lib.removeSuffix "/" (toString entry.name);
        }
      ) declared.entries;
    in
    lib.mapAttrsToList (
      _: same:
      judge (lib.head same // { declaredBy = lib.unique (lib.concatMap (one: one.declaredBy) same); })
    ) (lib.groupBy (entry: entry.name) normal);

  # A directory says what is with all below it, unless that differs.
  directories = lib.filter (entry: entry.kind != "database") judged;
  isInner =
    entry:
    lib.any (
      outer:
      outer.name != entry.name
      && layout.isWithin outer.name entry.name
      && (outer.state != "partly" || entry.state == "partly")
    ) directories;
in
{
  backupservice.coverage.report = lib.filter (entry: !isInner entry) judged;

  environment.etc = lib.mkIf (enabled != { }) {
    "backupservice/coverage.json".source = pkgs.writeText "coverage.json" (
      builtins.toJSON {
        version = 1;
        entries = cfg.coverage.report;
      }
    );
  };
}
