# Types of options, for contracts and modules.
{ lib }:
let
  # `toPath` makes the value a string; `check` refuses what else is wrong with it.
  absolutePath =
    {
      name,
      description,
      toPath,
      check ? _: path: path,
    }:
    lib.mkOptionType {
      inherit name description;
      descriptionClass = "noun";
      check = lib.strings.isStringLike;
      merge =
        loc: definitions:
        let
          path = toPath (lib.mergeEqualOption loc definitions);
          refuse =
            problem: reason: remedy:
            throw ''

              ${lib.showOption loc}: "${path}" ${problem}
              ${reason}
              ${remedy}
            '';
        in
        if !lib.hasPrefix "/" path then
          refuse "is not an absolute path." "Which file it names would depend on the working directory."
            "Write the full path."
        else
          check refuse path;
    };
in
{
  # A file that is read when a unit starts. Nix never copies it into its store.
  externalPath = absolutePath {
    name = "externalPath";
    description = "absolute path outside the Nix store";
    toPath = toString;
    check =
      refuse: path:
      if lib.hasPrefix "${builtins.storeDir}/" path then
        refuse "is in the Nix store." "Every user of this machine can read the store."
          "Keep the file outside, for example with agenix or sops-nix, and give its path as a string."
      else
        path;
  };

  # A file that is no secret. Nix copies it into its store if it is given as a path, not
  # as a string.
  publicPath = absolutePath {
    name = "publicPath";
    description = "absolute path";
    toPath = file: "${file}";
  };
}
