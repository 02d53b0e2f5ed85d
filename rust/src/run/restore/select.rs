//! Which snapshot is meant.

use crate::base::outcome::Failure;
use crate::provider::Snapshot;

/// Means the newest complete snapshot.
pub const LATEST: &str = "latest";

/// The snapshot meant by `wanted`: an id, the beginning of one, or [`LATEST`]. Only the
/// instance's own snapshots are looked at, oldest first.
///
/// # Errors
/// There is none, or more than one.
pub fn choose<'s>(
    snapshots: &'s [Snapshot],
    wanted: &str,
    instance: &str,
) -> Result<&'s Snapshot, Failure> {
    let Some(newest) = snapshots.last() else {
        return Err(Failure::new(
            format!("the repository has no snapshot of {instance}"),
            "check repository.path; after a change of the instance's name, older snapshots have the old one",
        ));
    };
    if wanted == LATEST {
        let complete = snapshots.iter().rfind(|snapshot| snapshot.complete);
        return complete.ok_or_else(|| {
            Failure::new(
                format!("no snapshot of {instance} is complete"),
                format!(
                    "restore the newest incomplete one with --snapshot {}",
                    newest.id
                ),
            )
        });
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
        assert_eq!(choose(&all, "latest", "x").unwrap().id, "aa2");
        assert_eq!(choose(&all, "bb", "x").unwrap().id, "bb3");
        assert_eq!(choose(&all, "aa1", "x").unwrap().id, "aa1");
        let remedy = choose(&all[2..], "latest", "x").unwrap_err().problem.remedy;
        assert!(remedy.unwrap().contains("--snapshot bb3"));
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
            let message = choose(&all, wanted, "x").unwrap_err().problem.message;
            assert!(message.contains(words), "{wanted}: {message}");
        }
        let message = choose(&[], "latest", "x").unwrap_err().problem.message;
        assert_eq!(message, "the repository has no snapshot of x");
        assert!(choose(&all[..1], "", "x").is_err());
    }
}
