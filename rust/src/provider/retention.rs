//! Retention: which snapshots to forget, the same for every provider.
//!
//! The rules are those of restic and borg: of each of the last so many hours, days, weeks (of
//! ISO 8601), months and years that have snapshots, in UTC, the newest one; and as long as
//! there are fewer, the oldest snapshot of all.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::base::outcome::Failure;
use crate::plan::Retention;
use crate::provider::{Forgotten, Snapshot};

/// Ids of the snapshots to forget, of all of one owner's. An incomplete one goes as soon as
/// there is a newer complete one; the rules apply to complete and to incomplete ones each for
/// themselves, so that none of the latter takes the place of one of the former. The newest
/// of each always stays.
pub fn superfluous(snapshots: &[Snapshot], keep: &Retention) -> Vec<String> {
    let newest_complete = snapshots
        .iter()
        .filter(|one| one.complete)
        .map(|one| one.time)
        .max();
    let is_outdated = |one: &Snapshot| !one.complete && Some(one.time) < newest_complete;
    let of = |complete| {
        let all = snapshots.iter();
        all.filter(move |one| one.complete == complete && !is_outdated(one))
    };
    let mut kept = kept(of(true).collect(), keep);
    kept.append(&mut self::kept(of(false).collect(), keep));
    let all = snapshots.iter().map(|one| one.id.clone());
    all.filter(|id| !kept.contains(id)).collect()
}

fn kept(mut snapshots: Vec<&Snapshot>, keep: &Retention) -> BTreeSet<String> {
    snapshots.sort_by_key(|one| std::cmp::Reverse(one.time));
    let mut kept: BTreeSet<String> = snapshots
        .first()
        .map(|one| one.id.clone())
        .into_iter()
        .collect();
    for (rule, count) in keep.rules() {
        let mut left = count;
        let mut last = None;
        for (i, one) in snapshots.iter().enumerate() {
            let period = period(rule, one).unwrap_or_else(|| i.to_string());
            let oldest = i + 1 == snapshots.len();
            if left > 0 && (oldest || last.as_ref() != Some(&period)) {
                kept.insert(one.id.clone());
                left -= 1;
            }
            last = Some(period);
        }
    }
    kept
}

/// The period of a rule that the snapshot belongs to; none for `last`.
fn period(rule: &str, snapshot: &Snapshot) -> Option<String> {
    let format = match rule {
        "hourly" => "%Y-%m-%d %H",
        "daily" => "%Y-%m-%d",
        "weekly" => "%G-%V",
        "monthly" => "%Y-%m",
        "yearly" => "%Y",
        _ => return None,
    };
    let time = snapshot.time.to_zoned(TimeZone::UTC);
    Some(time.strftime(format).to_string())
}

/// Compares the snapshots before and after `forget`: a program may exit with success
/// although it did not remove what it should.
///
/// # Errors
/// A superfluous snapshot is still there.
pub fn compare(
    program: &str,
    before: &[Snapshot],
    after: &[Snapshot],
    superfluous: &[String],
) -> Result<Forgotten, Failure> {
    let left = |id: &String| after.iter().any(|snapshot| snapshot.id == *id);
    if let Some(id) = superfluous.iter().find(|id| left(id)) {
        return Err(Failure::new(
            format!("{program}: the snapshot {id} should have been removed and is still there"),
            "read the journal of the maintenance; the repository may not allow anything to be removed",
        ));
    }
    let ids = before.iter().map(|snapshot| snapshot.id.clone());
    Ok(Forgotten {
        removed: ids.filter(|id| !left(id)).collect(),
        kept: after.len(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan};

    use super::*;

    fn snapshot(id: &str, hour: i64, complete: bool) -> Snapshot {
        Snapshot {
            original: None,
            id: id.to_owned(),
            time: Timestamp::UNIX_EPOCH + hour.hours(),
            complete,
            paths: Vec::new(),
            totals: None,
        }
    }

    fn forgotten(snapshots: &[Snapshot], rule: (&str, u32)) -> Vec<String> {
        let mut keep = Retention::default();
        let field = match rule.0 {
            "last" => &mut keep.last,
            "hourly" => &mut keep.hourly,
            "daily" => &mut keep.daily,
            "weekly" => &mut keep.weekly,
            "monthly" => &mut keep.monthly,
            _ => &mut keep.yearly,
        };
        *field = Some(rule.1);
        superfluous(snapshots, &keep)
    }

    #[test]
    fn incomplete_snapshots_go_when_a_newer_complete_one_is_there_and_take_no_place() {
        let all = [
            snapshot("a", 1, false),
            snapshot("b", 2, true),
            snapshot("c", 3, false),
            snapshot("d", 4, true),
            snapshot("e", 5, false),
            snapshot("f", 6, false),
        ];
        assert_eq!(forgotten(&all, ("last", 2)), ["a", "c"]);
        assert_eq!(forgotten(&all, ("last", 1)), ["a", "b", "c", "e"]);
        assert_eq!(forgotten(&all, ("last", 0)), ["a", "b", "c", "e"]);
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods_and_the_oldest_of_all() {
        // The epoch is a Thursday.
        let day = 24;
        let all = [
            snapshot("thursday", 1, true),
            snapshot("friday", day, true),
            snapshot("friday evening", day + 20, true),
            snapshot("monday", 4 * day, true),
            snapshot("february", 32 * day, true),
            snapshot("next year", 370 * day, true),
        ];
        for (rule, expected) in [
            (("last", 5), &["thursday"][..]),
            (("hourly", 6), &[]),
            (("daily", 3), &["thursday", "friday", "friday evening"]),
            (("daily", 9), &["friday"]),
            (("weekly", 4), &["thursday", "friday"]),
            (("monthly", 3), &["thursday", "friday", "friday evening"]),
            (("monthly", 4), &["friday", "friday evening"]),
            (
                ("yearly", 1),
                &["thursday", "friday", "friday evening", "monday", "february"],
            ),
            (
                ("yearly", 2),
                &["thursday", "friday", "friday evening", "monday"],
            ),
        ] {
            assert_eq!(forgotten(&all, rule), expected, "{rule:?}");
        }
    }

    #[test]
    fn what_is_gone_is_told_and_what_should_be_gone_is_a_failure() {
        let all = [snapshot("a", 1, false), snapshot("b", 2, true)];
        let forgotten = compare("restic", &all, &all[1..], &["a".to_owned()]).unwrap();
        assert_eq!(
            (forgotten.removed, forgotten.kept),
            (vec!["a".to_owned()], 1)
        );
        let failure = compare("restic", &all, &all, &["a".to_owned()]).unwrap_err();
        assert!(failure.problem.message.contains("is still there"));
    }
}
