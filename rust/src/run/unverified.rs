//! Snapshots that were never verified to be complete.
//!
//! A provider saves a snapshot before it tells what is missing from it, and whether the
//! data held still meanwhile is only known afterwards. A run that is killed in between
//! leaves a snapshot that claims to be complete. So recovery notes *when* that run made
//! snapshots; nothing believes them from then on, and the next run marks them. The same
//! note tells it that there may be stale locks.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::cancel::Cancel;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::{
    InstancePaths, read_json, remove_if_there, sync_parent, write_atomically,
};
use crate::plan::Plan;
use crate::provider::{Provider, Snapshot};
use crate::report::Report;
use crate::run::identity;
use crate::run::invocation::Invocation;
use crate::run::locked::unlocking;
use crate::run::locks;
use crate::run::observer::observed;

/// Time span in which a killed run may have made snapshots: `unverified.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unverified {
    since: Timestamp,
    until: Timestamp,
}

/// Declares the instance's snapshots since `since` unverified.
///
/// # Errors
/// It cannot be written down.
pub fn raise(directories: &InstancePaths, since: Timestamp) -> Result<()> {
    let before = read(directories).unwrap_or_default();
    let unverified = Unverified {
        since: before.map_or(since, |before| before.since.min(since)),
        until: Timestamp::now(),
    };
    let path = directories.unverified();
    write_atomically(&path, &serde_json::to_vec(&unverified)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Treats unverified snapshots as incomplete.
///
/// # Errors
/// The note of it cannot be read.
pub fn apply(directories: &InstancePaths, snapshots: &mut [Snapshot]) -> Result<()> {
    if let Some(unverified) = read(directories)? {
        for snapshot in snapshots {
            snapshot.complete &= !unverified.concerns(snapshot);
        }
    }
    Ok(())
}

/// Cleans up after a killed run: removes its stale locks and marks its snapshots as
/// incomplete. Costs nothing if there was none.
///
/// # Errors
/// The repository cannot be reached, or something could not be marked.
pub fn settle(
    plan: &Plan,
    invocation: &Invocation<'_>,
    provider: &dyn Provider,
    report: &mut Report,
) -> Result<(), Failure> {
    let directories = &invocation.directories;
    let Some(unverified) = read(directories)? else {
        return Ok(());
    };
    let _looking = locks::looking(plan, invocation, report)?;
    report.phase("settle");
    match mark(unverified, directories, provider, report, invocation.cancel) {
        Err(failure) if failure.kind == FailureKind::NoRepository => {}
        result => result?,
    }
    let path = directories.unverified();
    remove_if_there(&path)
        .and_then(|()| sync_parent(&path))
        .with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(())
}

fn mark(
    unverified: Unverified,
    directories: &InstancePaths,
    provider: &dyn Provider,
    report: &mut Report,
    cancel: &Cancel,
) -> Result<(), Failure> {
    observed(report, cancel, |job| provider.unlock(job))?;
    let snapshots = unlocking(provider, report, cancel, |job| provider.snapshots(job))?;
    for snapshot in &snapshots {
        // An earlier attempt may have been killed before it noted the new id.
        if let Some(original) = &snapshot.original {
            identity::replace(directories, original, &snapshot.id)?;
        }
    }
    for snapshot in snapshots.iter().filter(|one| unverified.concerns(one)) {
        report.note(&format!(
            "the snapshot {} was never verified to be complete: marking it as incomplete",
            snapshot.id
        ));
        let marked = unlocking(provider, report, cancel, |job| {
            provider.mark_incomplete(&snapshot.id, job)
        })?;
        identity::replace(directories, &snapshot.id, &marked)?;
    }
    Ok(())
}

impl Unverified {
    fn concerns(self, snapshot: &Snapshot) -> bool {
        snapshot.complete && (self.since..=self.until).contains(&snapshot.time)
    }
}

fn read(directories: &InstancePaths) -> Result<Option<Unverified>> {
    read_json(&directories.unverified())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::paths::Host;

    #[test]
    fn only_snapshots_of_that_time_are_unverified() {
        let root = tempfile::tempdir().unwrap();
        let directories = Host::new(root.path()).instance("x");
        fs::create_dir_all(&directories.state).unwrap();
        let started: Timestamp = "2026-11-21T03:00:00.5Z".parse().unwrap();
        let snapshot = |time: &str| Snapshot {
            original: None,
            id: "a".to_owned(),
            time: time.parse().unwrap(),
            complete: true,
            paths: Vec::new(),
            totals: None,
        };
        let mut snapshots = [
            snapshot("2026-11-21T03:00:00.4Z"),
            snapshot("2026-11-21T03:00:00.6Z"),
            snapshot("2996-11-21T03:00:00Z"),
        ];
        apply(&directories, &mut snapshots).unwrap();
        assert!(snapshots.iter().all(|snapshot| snapshot.complete));
        raise(&directories, started).unwrap();
        raise(&directories, Timestamp::now()).unwrap();
        apply(&directories, &mut snapshots).unwrap();
        assert_eq!(
            snapshots.map(|snapshot| snapshot.complete),
            [true, false, true]
        );
    }
}
