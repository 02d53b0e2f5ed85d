# Patterns mean the same with every provider.
{ lib, ... }:
let
  # A pattern, the files that it leaves out, and those that look as if it did.
  table = [
    {
      pattern = "*.tmp";
      out = [
        "a.tmp"
        "deep/down/b.tmp"
        "directory.tmp/file"
        ".tmp"
      ];
      kept = [
        "a.tmpx"
        "tmp"
        "a.TMP"
      ];
    }
    {
      pattern = "cache";
      out = [
        "cache/file"
        "deep/cache/deep/file"
        "other/cache"
      ];
      kept = [
        "cached"
        "my-cache"
        "Cache"
      ];
    }
    {
      pattern = "?old";
      out = [
        "xold"
        "deep/yold/file"
      ];
      kept = [
        "old"
        "xxold"
      ];
    }
    {
      pattern = "log[0-9]";
      out = [
        "log1"
        "deep/log9"
      ];
      kept = [
        "log"
        "logx"
        "log12"
      ];
    }
    {
      pattern = "core[!ab]";
      out = [
        "corec"
        "core1"
      ];
      kept = [
        "corea"
        "coreb"
        "core"
      ];
    }
    {
      pattern = "/var/lib/excludes/absolute";
      out = [ "absolute/file" ];
      kept = [
        "deep/absolute"
        "absolutely"
      ];
    }
    {
      pattern = "/var/lib/excludes/star/*/preview";
      out = [
        "star/a/preview"
        "star/b/preview/deep/file"
      ];
      kept = [
        "star/preview"
        "star/a/b/preview"
        "star/a/previews"
      ];
    }
    {
      pattern = "/var/lib/excludes/any/**/thumbs";
      out = [
        "any/a/thumbs"
        "any/a/b/thumbs/file"
        "any/thumbs"
      ];
      kept = [
        "any/a/thumbsx"
        "thumbs"
      ];
    }
    {
      pattern = "**/sub/dir";
      out = [
        "sub/dir/file"
        "deep/sub/dir"
      ];
      kept = [
        "sub/x/dir"
        "sub/directory"
        "xsub/dir"
      ];
    }
    {
      pattern = "\\*escaped\\?";
      out = [
        "*escaped?"
        "deep/*escaped?"
      ];
      kept = [
        "xescaped?"
        "*escapedx"
      ];
    }
    {
      pattern = "with space #1";
      out = [ "with space #1" ];
      kept = [
        "with space"
        "with space #12"
      ];
    }
    {
      pattern = "gr*ß*";
      out = [
        "grüße"
        "große Datei"
      ];
      kept = [ "grüsse" ];
    }
    {
      pattern = "-dash*";
      out = [
        "-dash"
        "deep/-dashed"
      ];
      kept = [ "dash" ];
    }
  ];
in
{
  node.backupservice.instances.excludes = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/excludes" ];
    excludePatterns = map (row: row.pattern) table;
    repository.path = "/srv/backup/excludes";
  };

  script = ''
    excludes = json.loads(${builtins.toJSON (builtins.toJSON table)})
    for row in excludes:
        for file in row["out"] + row["kept"]:
            path = shlex.quote(f"/var/lib/excludes/{file}")
            machine.succeed(f'mkdir -p "$(dirname {path})" && echo content > {path}')
    back_up("excludes")
    restore("excludes", "--target", "/srv/excluded")
    kept = describe("/srv/excluded/var/lib/excludes")

    for row in excludes:
        with case(f"the pattern {row['pattern']} leaves out what it says, and nothing else"):
            found = [f for f in row["out"] + row["kept"] if f"/srv/excluded/var/lib/excludes/{f}" in kept]
            assert found == row["kept"], (found, row)
  '';
}
