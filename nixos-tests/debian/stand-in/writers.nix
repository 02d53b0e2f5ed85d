# nixpkgs' trivial builders, by their names and arguments there.
{
  lib,
  mkDerivation,
  runCommand,
  runtimeShell,
}:
let
  inherit (lib) escapeShellArg optionalString;

  shebang = "#!${runtimeShell}\n";

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      destination ? "",
      checkPhase ? "",
      meta ? { },
      derivationArgs ? { },
      ...
    }:
    mkDerivation (
      derivationArgs
      // {
        inherit name text;
        meta =
          lib.optionalAttrs (executable && lib.hasPrefix "/bin/" destination) {
            mainProgram = baseNameOf destination;
          }
          // meta;
        passAsFile = [ "text" ];
        buildCommand = ''
          target=$out${escapeShellArg destination}
          mkdir -p "$(dirname "$target")"
          cp "$textPath" "$target"
          chmod ${if executable then "0555" else "0444"} "$target"
          ${checkPhase}
        '';
      }
    );

  writeText = name: text: writeTextFile { inherit name text; };
  writeTextDir =
    path: text:
    writeTextFile {
      name = baseNameOf path;
      inherit text;
      destination = "/${path}";
    };

  writeScript =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
    };
  writeScriptBin =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
      destination = "/bin/${name}";
    };
  writeShellScript = name: text: writeScript name (shebang + text);
  writeShellScriptBin = name: text: writeScriptBin name (shebang + text);

  writeShellApplication =
    {
      name,
      text,
      runtimeInputs ? [ ],
      runtimeEnv ? null,
      bashOptions ? [
        "errexit"
        "nounset"
        "pipefail"
      ],
      ...
    }:
    writeShellScriptBin name ''
      ${lib.concatMapStrings (option: "set -o ${option}\n") bashOptions}
      ${lib.concatStrings (
        lib.mapAttrsToList (key: value: ''
          ${lib.toShellVar key value}
          export ${key}
        '') (if runtimeEnv == null then { } else runtimeEnv)
      )}
      ${optionalString (runtimeInputs != [ ]) ''export PATH="${lib.makeBinPath runtimeInputs}:$PATH"''}
      ${text}
    '';

  # Links the contents of every path into $out; directories are merged.
  joinScript = ''
    join() {
      local from=$1 to=$2 item name
      mkdir -p "$to"
      for item in "$from"/*; do
        name=''${item##*/}
        if [[ -d $item && ! -L $item ]] || [[ -d $item && -d $to/$name ]]; then
          if [[ -L $to/$name && $(realpath "$to/$name") == $(realpath "$item") ]]; then
            continue
          elif [[ -L $to/$name ]]; then
            local first=$(realpath "$to/$name")
            rm "$to/$name"
            join "$first" "$to/$name"
          fi
          join "$item" "$to/$name"
        else
          ln -sfn "$(readlink "$item" || echo "$item")" "$to/$name"
        fi
      done
    }
    shopt -s nullglob dotglob
    mkdir -p "$out"
  '';

  buildEnv =
    {
      name,
      paths,
      pathsToLink ? [ "/" ],
      extraPrefix ? "",
      postBuild ? "",
      passthru ? { },
      meta ? { },
      ...
    }:
    mkDerivation {
      inherit name passthru meta;
      pathsText = lib.concatMapStrings (path: "${path}\n") (lib.filter (path: path != null) paths);
      passAsFile = [ "pathsText" ];
      buildCommand = ''
        ${joinScript}
        while read -r path; do
          for link in ${lib.escapeShellArgs pathsToLink}; do
            if [[ -d $path$link ]]; then
              join "$path$link" "$out${extraPrefix}$link"
            fi
          done
        done <"$pathsTextPath"
        ${postBuild}
      '';
    };

  linkFarm =
    name: entries:
    runCommand name { } ''
      mkdir -p "$out"
      ${lib.concatMapStrings
        (entry: ''
          mkdir -p "$out/$(dirname ${escapeShellArg entry.name})"
          ln -s ${escapeShellArg "${entry.path}"} "$out/"${escapeShellArg entry.name}
        '')
        (
          if lib.isAttrs entries then
            lib.mapAttrsToList (name: path: { inherit name path; }) entries
          else
            entries
        )
      }
    '';

  # Replaces every @name@ in a file.
  replaceVarsWith =
    {
      src,
      replacements,
      name ? baseNameOf (toString src),
      dir ? null,
      isExecutable ? false,
      ...
    }:
    writeTextFile {
      inherit name;
      executable = isExecutable;
      destination = optionalString (dir != null) "/${dir}/${name}";
      text = lib.replaceStrings (map (key: "@${key}@") (lib.attrNames replacements)) (map toString (
        lib.attrValues replacements
      )) (builtins.readFile src);
    };
in
{
  inherit
    writeTextFile
    writeText
    writeTextDir
    writeScript
    writeScriptBin
    writeShellScript
    writeShellScriptBin
    writeShellApplication
    buildEnv
    linkFarm
    replaceVarsWith
    ;
  symlinkJoin = args: buildEnv (removeAttrs args [ "stripPrefix" ]);
  linkFarmFromDrvs =
    name: drvs:
    linkFarm name (
      map (drv: {
        inherit (drv) name;
        path = drv;
      }) drvs
    );
  replaceVars = src: replacements: replaceVarsWith { inherit src replacements; };
  substituteAll =
    args:
    replaceVarsWith {
      inherit (args) src;
      name = args.name or (baseNameOf (toString args.src));
      dir = args.dir or null;
      isExecutable = args.isExecutable or false;
      replacements = lib.filterAttrs (_: value: lib.isStringLike value) (
        removeAttrs args [
          "src"
          "name"
          "dir"
          "isExecutable"
        ]
      );
    };
  concatText =
    name: files:
    runCommand name { } ''
      cat ${lib.escapeShellArgs (map toString files)} >"$out"
    '';
  concatTextFile = { name, files, ... }: runCommand name { } "cat ${toString files} >$out";
  writers = {
    writeBash = writeShellScript;
    writeBashBin = writeShellScriptBin;
    writeDash = writeShellScript;
    inherit writeText;
    writeNginxConfig = writeText;
    writeJSON = name: value: writeText name (builtins.toJSON value);
  };
  emptyFile = runCommand "empty-file" { } ''touch "$out"'';
  emptyDirectory = runCommand "empty-directory" { } ''mkdir "$out"'';
}
