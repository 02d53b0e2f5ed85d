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
      description = "Name, part of the unit's name; by default the position in the list, from 1.";
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
      description = "User that it runs as; by default the contract's.";
    };
    timeout = mkOption {
      type = types.str;
      default = "15min";
      example = "90s";
      description = "Time after which it is stopped and has failed, as systemd writes time spans.";
    };
    credentials = mkOption {
      type = types.attrsOf externalPath;
      default = { };
      example = {
        dbpass = "/run/agenix/nextcloud-db";
      };
      description = ''
        Files that only this hook may read, by name: it finds them below
        `$CREDENTIALS_DIRECTORY`. See `LoadCredential=` in {manpage}`systemd.exec(5)`.
      '';
    };
    readWritePaths = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/var/lib/myservice-export" ];
      description = "Paths that it may write to, besides the contract's sourceDirectories.";
    };
    network = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether it may reach more of the network than this machine itself.";
    };
  };
}
