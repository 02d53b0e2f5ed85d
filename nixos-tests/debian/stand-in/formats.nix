# `pkgs.formats`: the types of nixpkgs' generators, with outputs that are valid in
# their format though not laid out alike (YAML is written as JSON, its subset).
{
  lib,
  writeText,
  runCommand,
}:
let
  inherit (lib) generators types;

  atoms = [
    types.bool
    types.int
    types.float
    types.str
    types.path
  ];

  nested =
    description:
    let
      value =
        types.nullOr (
          types.oneOf (
            atoms
            ++ [
              (types.attrsOf value)
              (types.listOf value)
            ]
          )
        )
        // {
          inherit description;
        };
    in
    value;

  json = {
    type = nested "JSON value";
    generate = name: value: writeText name (builtins.toJSON value);
  };

  iniAtom = types.nullOr (types.oneOf (lib.take 4 atoms));

  ini =
    generator:
    {
      listsAsDuplicateKeys ? false,
      listToValue ? null,
      atomsCoercedToLists ? false,
      ...
    }@args:
    let
      item =
        if listsAsDuplicateKeys || listToValue != null then
          types.either iniAtom (types.listOf iniAtom)
        else
          iniAtom;
      options = removeAttrs args [
        "listToValue"
        "atomsCoercedToLists"
      ];
      flatten = lib.mapAttrs (
        _: value: if listToValue != null && lib.isList value then listToValue value else value
      );
    in
    {
      inherit item flatten options;
      type = types.attrsOf (types.attrsOf item);
      generate = name: value: writeText name (generator options (lib.mapAttrs (_: flatten) value));
      lib.types.atom = item;
    };

  # A TOML file from JSON, by Python: its grammar is too rich for a line each.
  toml = {
    type = nested "TOML value";
    generate =
      name: value:
      runCommand name {
        value = builtins.toJSON value;
        passAsFile = [ "value" ];
      } ''/usr/bin/python3 ${./json2toml.py} <"$valuePath" >"$out"'';
  };
in
{
  json = _: json;
  yaml = _: json // { type = nested "YAML value"; };
  toml = _: toml;
  ini = ini generators.toINI;
  gitIni = _: {
    type = types.attrsOf (types.attrsOf types.anything);
    generate = name: value: writeText name (generators.toGitINI value);
  };
  systemd = ini (_: generators.toINI { listsAsDuplicateKeys = true; }) {
    listsAsDuplicateKeys = true;
  };
  iniWithGlobalSection =
    args:
    let
      plain = ini generators.toINI args;
    in
    {
      type = types.submodule {
        options = {
          globalSection = lib.mkOption {
            type = types.attrsOf plain.item;
            default = { };
          };
          sections = lib.mkOption {
            inherit (plain) type;
            default = { };
          };
        };
      };
      generate =
        name:
        {
          globalSection ? { },
          sections ? { },
        }:
        writeText name (
          generators.toINIWithGlobalSection plain.options {
            globalSection = plain.flatten globalSection;
            sections = lib.mapAttrs (_: plain.flatten) sections;
          }
        );
    };
  keyValue =
    args:
    let
      plain = ini (_: _: "") args;
    in
    {
      type = types.attrsOf plain.item;
      generate = name: value: writeText name (generators.toKeyValue plain.options (plain.flatten value));
    };
  pythonVars = _: {
    type = types.attrsOf (nested "Python value");
    generate =
      name: value:
      writeText name (
        lib.concatStrings (lib.mapAttrsToList (key: v: "${key} = ${builtins.toJSON v}\n") value)
      );
  };
}
//
  lib.genAttrs
    [
      "libconfig"
      "hocon"
      "elixirConf"
      "javaProperties"
      "php"
      "lua"
      "cdn"
      "xml"
    ]
    (
      name: _: {
        type = types.attrsOf types.anything;
        generate = _: _: throw "stand-in: pkgs.formats.${name} is not supported";
        lib = { };
      }
    )
