# The parts of a database's URL: scheme, role, hasPassword, host, port, name and query.
# null if it is not one.
{ lib }:
url:
let
  parts = builtins.match "([a-z]+)([+][a-z0-9_]+)?://(([^:@/]*)(:([^@/]*))?@)?([^:/?]*)(:([0-9]+))?/([^?]*)([?](.*))?" url;
  part = index: toString (lib.elemAt parts index);
  query = lib.listToAttrs (
    map (
      pair:
      let
        fields = lib.splitString "=" pair;
      in
      lib.nameValuePair (lib.head fields) (
        lib.replaceStrings [ "%2F" "%2f" ] [ "/" "/" ] (lib.concatStringsSep "=" (lib.tail fields))
      )
    ) (lib.filter (pair: pair != "") (lib.splitString "&" (part 11)))
  );
in
if parts == null || part 9 == "" then
  null
else
  {
    inherit query;
    scheme = part 0;
    role = part 3;
    hasPassword = part 5 != "" || query ? password || query ? passwd;
    host = if part 6 == "" then query.host or "" else part 6;
    port =
      if part 8 != "" then
        lib.toInt (part 8)
      else if query ? port then
        lib.toInt query.port
      else
        null;
    name = part 9;
  }
