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
      description = "Program that creates and stores the snapshots.";
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
        Whether to exclude other file systems mounted below a source, such as a
        network drive in a home directory. A mount point that is itself a source is
        always backed up, and so is a mount of the same file system, such as most bind
        mounts. For an excluded mount, restic stores the empty directory, borg nothing.
      '';
    }
    // default [ "oneFileSystem" ] false
  );

  schedule = mkOption (
    {
      type = types.str;
      example = "Mon..Fri 03:30";
      description = ''
        When to run the backup: a calendar event, see {manpage}`systemd.time(7)`. Each
        run starts up to `randomizedDelay` later. Missed runs are caught up
        (`Persistent=true`).
      '';
    }
    // default [ "schedule" ] "daily"
  );

  randomizedDelay = mkOption (
    {
      type = types.str;
      example = "10min";
      description = ''
        Maximum delay added to `schedule` and `maintenance.schedule`: a time span, see
        {manpage}`systemd.time(7)`. Each instance has a fixed delay of its own, so that
        not all of them start at the same moment.
      '';
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
          Whether scheduled runs wait for mains power, in the phase `waiting`. To start
          a waiting run at once, use `backupservice run <name>`.
        '';
      }
      // default [ "conditions" "acPower" ] false
    );
    unmeteredNetwork = mkOption (
      {
        type = types.bool;
        example = true;
        description = ''
          Whether scheduled runs wait while NetworkManager reports the network as
          metered. Without NetworkManager this has no effect.
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
        Maximum decrease of the data size since the last complete snapshot, in
        percent. A snapshot that shrank by more, and by at least 10 MiB, is marked
        incomplete: it does not become the latest, and retention keeps the complete
        ones. To accept the current size as the new baseline, run
        `backupservice run <name> --accept-shrink`. `null`: never compare sizes.
      '';
    }
    // default [ "guards" "maxShrink" ] 50
  );
}
