# Types of options, for contracts and modules.
{ lib }:
{
  # A file that is read when a unit starts. Its value is a string, so that Nix never
  # copies the file into its store.
  externalPath = lib.mkOptionType {
    name = "externalPath";
    description = "absolute path outside the Nix store";
    descriptionClass = "noun";
    check = lib.strings.isStringLike;
    merge =
      loc: definitions:
      let
        path = toString (lib.mergeEqualOption loc definitions);
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
      else if lib.hasPrefix "${builtins.storeDir}/" path then
        refuse "is in the Nix store." "Every user of this machine can read the store."
          "Keep the file outside, for example with agenix or sops-nix, and give its path as a string."
      else
        path;
  };
}
