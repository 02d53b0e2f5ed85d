//! Retention: options for the providers, and the check of what they did.

use crate::base::outcome::Failure;
use crate::plan::Retention;
use crate::provider::{Forgotten, Snapshot};

/// `--keep-…` options for the rules; restic and borg have the same ones.
pub fn rules(keep: &Retention) -> impl Iterator<Item = String> {
    keep.rules()
        .map(|(rule, count)| format!("--keep-{rule}={count}"))
}

/// Ids of the incomplete snapshots for which there is a newer complete one.
pub fn outdated(snapshots: &[Snapshot]) -> Vec<String> {
    let complete = snapshots.iter().filter(|snapshot| snapshot.complete);
    let newest = complete.map(|snapshot| snapshot.time).max();
    snapshots
        .iter()
        .filter(|snapshot| !snapshot.complete && Some(snapshot.time) < newest)
        .map(|snapshot| snapshot.id.clone())
        .collect()
}

/// Compares the snapshots before and after `forget`: a program may exit with success
/// although it did not remove what it should.
///
/// # Errors
/// An outdated snapshot is still there.
pub fn compare(
    program: &str,
    before: &[Snapshot],
    after: &[Snapshot],
    outdated: &[String],
) -> Result<Forgotten, Failure> {
    let left = |id: &String| after.iter().any(|snapshot| snapshot.id == *id);
    if let Some(id) = outdated.iter().find(|id| left(id)) {
        return Err(Failure::new(
            format!(
                "{program}: the incomplete snapshot {id} should have been removed and is still there"
            ),
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
            id: id.to_owned(),
            time: Timestamp::UNIX_EPOCH + hour.hours(),
            complete,
            paths: Vec::new(),
            totals: None,
        }
    }

    #[test]
    fn incomplete_snapshots_are_outdated_by_a_newer_complete_one() {
        let all = [
            snapshot("a", 1, false),
            snapshot("b", 2, true),
            snapshot("c", 3, false),
            snapshot("d", 4, true),
            snapshot("e", 5, false),
        ];
        assert_eq!(outdated(&all), ["a", "c"]);
        assert!(outdated(&all[2..3]).is_empty());
    }

    #[test]
    fn every_rule_is_an_option_and_no_rule_is_none() {
        let keep = Retention {
            last: Some(2),
            daily: Some(7),
            ..Retention::default()
        };
        let options: Vec<String> = rules(&keep).collect();
        assert_eq!(options, ["--keep-last=2", "--keep-daily=7"]);
        assert_eq!(rules(&Retention::default()).count(), 0);
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
