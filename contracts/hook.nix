# The type of one hook: a command with its own identity, sandbox and limits.
{ lib }:
let
  inherit (lib) mkOption types;
  inherit (import ./types.nix { inherit lib; }) externalPath;
in
types.submodule {
  options = {
    name = mkOption {
      type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]*[a-z0-9])?");
      default = null;
      example = "maintenance-mode";
      description = "Name of the hook, used in the name of its unit. `null`: its position in the list, starting at 1.";
    };
    command = mkOption {
      type = types.lines;
      example = "nextcloud-occ maintenance:mode --on";
      description = "Shell text, run by bash with `set -euo pipefail`.";
    };
    user = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "root";
      description = "User that runs the hook. `null`: the contract's user.";
    };
    timeout = mkOption {
      type = types.str;
      default = "15min";
      example = "90s";
      description = "Maximum run time: a time span, see {manpage}`systemd.time(7)`. After it the hook is stopped and counts as failed. A hook that is stopped gets SIGTERM, and SIGKILL a minute later.";
    };
    credentials = mkOption {
      type = types.attrsOf externalPath;
      default = { };
      example = {
        dbpass = "/run/agenix/nextcloud-db";
      };
      description = ''
        Files with secrets for this hook, by name. The hook reads a copy at
        `$CREDENTIALS_DIRECTORY/<name>`; its user needs no access to the original. See
        `LoadCredential=` in {manpage}`systemd.exec(5)`.
      '';
    };
    path = mkOption {
      type = types.listOf (
        types.oneOf [
          types.package
          types.str
        ]
      );
      default = [ ];
      example = lib.literalExpression "[ pkgs.jq ]";
      description = ''
        Packages whose programs the hook finds in its `PATH`, besides those of coreutils,
        findutils, grep, sed, systemd and util-linux.
      '';
    };
    readWritePaths = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/var/lib/myservice-export" ];
      description = "Additional absolute paths that the hook may write to. `sourceDirectories` are always writable.";
    };
    network = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether the hook has network access beyond this machine.";
    };
  };
}
