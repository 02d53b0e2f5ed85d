# Renders docs/reference/options.md from the options themselves.
{ lib, options }:
let
  # The same options in another place; the text above them says where.
  repetitions = [
    "backupservice.contracts.<name>."
    "services.nextcloud.backup."
    "services.home-assistant.backup."
    "backupservice.defaults."
    ".hooks.afterBackup.*."
    ".hooks.beforeRestore.*."
    ".hooks.afterRestore.*."
    "._module."
  ];

  documented = lib.filter (
    option:
    option.visible
    && !option.internal
    && !lib.any (repetition: lib.hasInfix repetition option.name) repetitions
  ) (lib.optionAttrSetToDocList options);

  text = value: lib.trim (value.text or (lib.generators.toPretty { } value));

  # Values of one line stand in the line, longer ones in a block.
  value =
    label: rendered:
    if lib.hasInfix "\n" rendered then
      "*${label}:*\n\n```nix\n${rendered}\n```"
    else
      "*${label}:* `${rendered}`";

  section =
    option:
    lib.concatStringsSep "\n\n" (
      [
        "## `${option.name}`"
        (lib.trim (option.description.text or option.description))
        "*Type:* `${option.type}`"
      ]
      ++ lib.optional (option ? default) (value "Default" (text option.default))
      ++ lib.optional (option ? example) (value "Example" (text option.example))
    );
in
''
  # Options

  <!-- Generated from the modules by `make render`. Do not edit. -->

  `backupservice.contracts.<name>` and every service's read-only `backup` option
  take the first part of an instance's options: `user`, `sourceDirectories`,
  `excludePatterns`, `hooks`, `streams`, `quiesce`, `restore` and `probe`.
  `backupservice.defaults` takes the rest. [Services](services.md) says which services have one. The four kinds of `hooks` are alike.

  ${lib.concatMapStringsSep "\n\n" section (lib.sort (a: b: a.name < b.name) documented)}
''
