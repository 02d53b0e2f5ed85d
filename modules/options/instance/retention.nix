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
  last =
    mkRetention "last" null
      "Number of most recent snapshots to keep, whatever their age. `null`: no such rule.";
  hourly =
    mkRetention "hourly" null
      "Number of hours for which to keep the last snapshot of each hour. `null`: no such rule.";
  daily = mkRetention "daily" 7 ''
    Number of days for which to keep the last snapshot of each day. Days without a
    snapshot do not count; this holds for the other rules, too. `null`: no such rule.

    A snapshot is kept if at least one rule selects it. If all rules are `null`, all
    snapshots are kept forever. The rules apply to the complete snapshots of this
    instance, and separately to incomplete ones that are newer than the last complete
    snapshot. Older incomplete snapshots are removed.
  '';
  weekly =
    mkRetention "weekly" 5
      "Number of weeks for which to keep the last snapshot of each week. `null`: no such rule.";
  monthly =
    mkRetention "monthly" 12
      "Number of months for which to keep the last snapshot of each month. `null`: no such rule.";
  yearly =
    mkRetention "yearly" null
      "Number of years for which to keep the last snapshot of each year. `null`: no such rule.";
}
