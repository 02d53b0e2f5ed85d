# What of this machine is saved, and what is not.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.backupservice.coverage = {
    required = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Whether to refuse a configuration with data that no instance saves. The refusal
        lists it, and how to save or ignore each.
      '';
    };

    ignore = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "/var/lib/docker"
        "postgresql:scratch"
      ];
      description = ''
        What needs no backup: absolute paths, with all that is below them, and databases,
        as `postgresql:NAME` or `mysql:NAME`.
      '';
    };

    report = mkOption {
      type = types.listOf (types.attrsOf types.anything);
      readOnly = true;
      example = [
        {
          kind = "directory";
          name = "/var/lib/grocy";
          declaredBy = [ "backupservice.contracts.grocy" ];
          state = "uncovered";
          instances = [ ];
          contracts = [ "grocy" ];
        }
      ];
      description = ''
        What this configuration declares to be data: the state directories of its units,
        the directories below `/var/lib` that `systemd.tmpfiles` creates, the databases of
        `services.postgresql` and `services.mysql`, the homes of normal users, and what
        `backupservice.contracts` name. Each with `kind` (`directory`, `database` or
        `home`), `name`, `declaredBy`, and

        - `state`: `saved`, `partly` (only some of what is below it), `ignored` or
          `uncovered`,
        - `instances`: which save it,
        - `contracts`: which of the unused ones would save it.

        Data that is declared nowhere is not in it, such as a database made by hand.
        `/etc/backupservice/coverage.json` is the same for programs.
      '';
    };
  };
}
