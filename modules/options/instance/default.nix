# The options of an instance besides its contract's, once for
# `backupservice.defaults` and once, with those as defaults, for an instance.
{ lib, providers }:
{
  name ? null,
  defaults ? null,
}:
let
  inherit (lib) mkOption literalExpression types;

  # `path` is the option's place, `fallback` its value where nobody says anything.
  default =
    path: fallback:
    if defaults == null then
      { default = fallback; }
    else
      {
        default = lib.getAttrFromPath path defaults;
        defaultText = literalExpression "config.backupservice.defaults.${lib.concatStringsSep "." path}";
      };
in
{
  enable = lib.mkEnableOption "this backup" // default [ "enable" ] false;

  provider = mkOption (
    {
      type = types.enum (lib.attrNames providers);
      example = "borg";
      description = "The program that makes and keeps the snapshots.";
    }
    // default [ "provider" ] "restic"
  );

  repository = import ./repository.nix {
    inherit
      lib
      name
      defaults
      default
      ;
  };

  oneFileSystem = mkOption (
    {
      type = types.bool;
      example = true;
      description = ''
        Whether to leave out what is mounted below a source, such as a network drive
        in a home directory. A mount that is a source itself is always saved. What
        is mounted from the same file system, as a bind mount mostly is, is saved in
        any case. Of a mount that is left out, restic keeps the empty directory, borg
        nothing.
      '';
    }
    // default [ "oneFileSystem" ] false
  );

  schedule = mkOption (
    {
      type = types.str;
      example = "Mon..Fri 03:30";
      description = ''
        When the backup is made, as {manpage}`systemd.time(7)` writes calendar
        events. A run that was missed is made up for, and each instance starts at
        its own moment within `randomizedDelay` after this.
      '';
    }
    // default [ "schedule" ] "daily"
  );

  randomizedDelay = mkOption (
    {
      type = types.str;
      example = "10min";
      description = "How far apart the instances of all machines are spread, as systemd writes time spans.";
    }
    // default [ "randomizedDelay" ] "1h"
  );

  retention = import ./retention.nix { inherit lib default; };

  maintenance = import ./maintenance.nix { inherit lib default; };

  conditions = {
    acPower = mkOption (
      {
        type = types.bool;
        example = true;
        description = ''
          Whether a scheduled run waits for mains power. It waits visibly, in the phase
          `waiting`, and `backupservice run <name>` makes it go on at once.
        '';
      }
      // default [ "conditions" "acPower" ] false
    );
    unmeteredNetwork = mkOption (
      {
        type = types.bool;
        example = true;
        description = ''
          Whether a scheduled run waits while NetworkManager takes the network for
          metered. Nobody else knows: without NetworkManager nothing is waited for.
        '';
      }
      // default [ "conditions" "unmeteredNetwork" ] false
    );
  };

  guards.maxShrink = mkOption (
    {
      type = types.nullOr (types.ints.between 1 99);
      example = 80;
      description = ''
        How much the data may shrink since the last complete snapshot, in percent.
        Where more is gone, and at least 10 MiB, the snapshot is made but is
        incomplete: it neither becomes the latest nor takes the place of one that
        has everything. `backupservice run <name> --accept-shrink` takes the new size
        for right. Null for never looking at it.
      '';
    }
    // default [ "guards" "maxShrink" ] 50
  );
}
