//! Which snapshot is meant.

use jiff::Timestamp;

use crate::base::outcome::Failure;
use crate::provider::Snapshot;

/// Means the newest complete snapshot.
pub const LATEST: &str = "latest";

/// The snapshot meant by `wanted`: an id, the beginning of one, or [`LATEST`], which is the
/// last complete one that was begun by `until`. Only the instance's own snapshots are looked
/// at, oldest first.
///
/// # Errors
/// There is none, or more than one.
pub fn choose<'s>(
    snapshots: &'s [Snapshot],
    wanted: &str,
    until: Option<Timestamp>,
    instance: &str,
) -> Result<&'s Snapshot, Failure> {
    let Some(newest) = snapshots.last() else {
        return Err(Failure::new(
            format!("the repository has no snapshot of {instance}"),
            "check repository.path; after a change of the instance's name, older snapshots have the old one",
        ));
    };
    if wanted == LATEST {
        let mut complete = snapshots.iter().filter(|snapshot| snapshot.complete);
        let oldest = complete.clone().next();
        return match (until, oldest) {
            (_, None) => Err(Failure::new(
                format!("no snapshot of {instance} is complete"),
                format!(
                    "restore the newest incomplete one with --snapshot {}",
                    newest.id
                ),
            )),
            (None, Some(oldest)) => Ok(complete.next_back().unwrap_or(oldest)),
            (Some(until), Some(oldest)) => {
                complete.rfind(|snapshot| snapshot.time <= until).ok_or_else(|| {
                    Failure::new(
                        format!("{instance} has no complete snapshot as old as that: the first is of {:.0}", oldest.time),
                        format!("give a later date; `backupservice snapshots {instance}` lists them"),
                    )
                })
            }
        };
    }
    let mut matching = snapshots
        .iter()
        .filter(|snapshot| snapshot.id.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(snapshot), None) if !wanted.is_empty() => Ok(snapshot),
        (Some(_), _) => Err(Failure::new(
            format!("{wanted:?} is the beginning of more than one snapshot's id"),
            format!("give more of the id; `backupservice snapshots {instance}` lists them"),
        )),
        (None, _) => Err(Failure::new(
            format!("{instance} has no snapshot {wanted:?}"),
            format!("`backupservice snapshots {instance}` lists them"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, complete: bool) -> Snapshot {
        Snapshot {
            original: None,
            id: id.to_owned(),
            time: jiff::Timestamp::UNIX_EPOCH,
            complete,
            paths: Vec::new(),
            totals: None,
        }
    }

    #[test]
    fn latest_is_the_newest_complete_one() {
        let all = [
            snapshot("aa1", true),
            snapshot("aa2", true),
            snapshot("bb3", false),
        ];
        assert_eq!(choose(&all, "latest", None, "x").unwrap().id, "aa2");
        assert_eq!(choose(&all, "bb", None, "x").unwrap().id, "bb3");
        assert_eq!(choose(&all, "aa1", None, "x").unwrap().id, "aa1");
        let remedy = choose(&all[2..], "latest", None, "x")
            .unwrap_err()
            .problem
            .remedy;
        assert!(remedy.unwrap().contains("--snapshot bb3"));
    }

    #[test]
    fn of_a_day_it_is_the_last_complete_one_by_then() {
        let mut all = [
            snapshot("aa1", true),
            snapshot("aa2", true),
            snapshot("bb3", false),
            snapshot("cc4", true),
        ];
        for (day, snapshot) in all.iter_mut().enumerate() {
            snapshot.time = format!("2026-11-0{}T03:00:00Z", day + 1).parse().unwrap();
        }
        let by = |time: &str| choose(&all, "latest", Some(time.parse().unwrap()), "x");
        assert_eq!(by("2026-11-02T03:00:00Z").unwrap().id, "aa2");
        assert_eq!(by("2026-11-03T23:59:59Z").unwrap().id, "aa2");
        assert_eq!(by("2027-01-01T00:00:00Z").unwrap().id, "cc4");
        let problem = by("2026-11-01T02:59:59Z").unwrap_err().problem;
        assert_eq!(
            problem.message,
            "x has no complete snapshot as old as that: the first is of 2026-11-01T03:00:00Z"
        );
    }

    #[test]
    fn what_is_not_one_snapshot_is_refused() {
        let all = [snapshot("aa1", true), snapshot("aa2", true)];
        for (wanted, words) in [
            ("aa", "more than one"),
            ("", "more than one"),
            ("cc", "no snapshot"),
            ("latest2", "no snapshot"),
        ] {
            let message = choose(&all, wanted, None, "x").unwrap_err().problem.message;
            assert!(message.contains(words), "{wanted}: {message}");
        }
        let message = choose(&[], "latest", None, "x")
            .unwrap_err()
            .problem
            .message;
        assert_eq!(message, "the repository has no snapshot of x");
        assert!(choose(&all[..1], "", None, "x").is_err());
    }
}
