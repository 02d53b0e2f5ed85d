# Which snapshots are kept.
{ lib, default }:
let
  inherit (lib) mkOption types;

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
}
