# The options of an instance besides its contract's, once for
# `backupservice.defaults` and once, with those as defaults, for an instance.
{ lib }:
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

  mkFileOption =
    field: args:
    mkOption (
      {
        type = types.nullOr types.path;
        apply = file: if file == null then null else toString file;
      }
      // default [ "repository" field ] null
      // args
    );

  mkRetention =
    rule: fallback: description:
    mkOption (
      {
        type = types.nullOr types.ints.positive;
        example = 14;
        inherit description;
      }
      // default [ "retention" rule ] fallback
    );
in
{
  enable = mkOption (
    {
      type = types.bool;
      example = true;
      description = "Whether this backup is made.";
    }
    // default [ "enable" ] false
  );

  provider = mkOption (
    {
      type = types.enum [
        "borg"
        "restic"
      ];
      example = "borg";
      description = "The program that makes and keeps the snapshots.";
    }
    // default [ "provider" ] "restic"
  );

  repository = {
    path = mkOption {
      type = types.nullOr types.str;
      default =
        if defaults == null || defaults.repository.path == null then
          null
        else
          "${defaults.repository.path}/${name}";
      defaultText = literalExpression ''"''${config.backupservice.defaults.repository.path}/<name>"'';
      example = "/srv/backup/myservice";
      description = ''
        Where the snapshots are kept: an absolute path on this machine, or a URL
        that the provider understands: for restic, such as
        `sftp:backup@host:/srv/backup` or `b2:my-bucket:myservice`; for borg, such as
        `ssh://backup@host/srv/backup`. Anybody can read it: a URL with a password in
        it goes into `repository.pathFile`.
      '';
    };
    pathFile = mkFileOption "pathFile" {
      example = "/run/agenix/backup-repository";
      description = "File that holds the path or URL, instead of `repository.path`.";
    };
    passwordFile = mkFileOption "passwordFile" {
      example = "/run/agenix/backup-password";
      description = ''
        File that holds the password of the repository. Where it is null, a
        password is generated below `/var/lib/backupservice-secrets`, once for
        each repository. **Keep a copy elsewhere**: without it, a backup of a lost
        machine cannot be read.
      '';
    };
    environmentFile = mkFileOption "environmentFile" {
      example = "/run/agenix/backup-environment";
      description = ''
        File of environment variables for the provider alone, such as
        `B2_ACCOUNT_ID`, in the syntax of `EnvironmentFile=` in
        {manpage}`systemd.exec(5)`.
      '';
    };
    sshKeyFile = mkFileOption "sshKeyFile" {
      example = "/run/agenix/backup-ssh-key";
      description = "Private key for a repository that is reached over ssh.";
    };
    sshKnownHostsFile = mkFileOption "sshKnownHostsFile" {
      example = "/etc/ssh/ssh_known_hosts";
      description = "Host keys that are accepted for a repository that is reached over ssh.";
    };
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

  retention = {
    last = mkRetention "last" null "How many of the last snapshots are kept, whenever they were made.";
    hourly = mkRetention "hourly" null "For how many hours the last snapshot of the hour is kept.";
    daily = mkRetention "daily" 7 ''
      For how many days the last snapshot of the day is kept. Only days with a
      snapshot count; likewise for the other rules.

      A snapshot is kept if any rule asks for it. Where every rule is null, all
      are kept for ever. Snapshots of other instances are never touched, and an
      incomplete snapshot never takes the place of a complete one: the rules
      are applied to the complete ones alone, and to those incomplete ones that
      no complete one has followed.
    '';
    weekly = mkRetention "weekly" 5 "For how many weeks the last snapshot of the week is kept.";
    monthly = mkRetention "monthly" 12 "For how many months the last snapshot of the month is kept.";
    yearly = mkRetention "yearly" null "For how many years the last snapshot of the year is kept.";
  };

  maintenance = {
    schedule = mkOption (
      {
        type = types.nullOr types.str;
        example = "Sun 05:00";
        description = ''
          When snapshots that `retention` does not ask for are removed, their space
          is freed, and the repository is checked, as {manpage}`systemd.time(7)`
          writes calendar events. Null for never by itself, as for a repository
          that only another machine may remove anything from:
          `backupservice maintain <name>` does it now.
        '';
      }
      // default [ "maintenance" "schedule" ] "weekly"
    );
    readData = mkOption (
      {
        type = types.ints.between 0 100;
        example = 100;
        description = ''
          How much of the stored data each maintenance reads and compares with its
          checksums, in percent, chosen anew each time. The rest is only checked for
          being there. What a remote repository stores has to be downloaded for it.
          borg always reads everything, where the repository is, and only at 100 also
          downloads and decrypts it.
        '';
      }
      // default [ "maintenance" "readData" ] 5
    );
  };

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
