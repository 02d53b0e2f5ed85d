//! Locks between the instances of one machine: repository, creation, concurrency slots.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::base::lock::{self, Lock, Mode};
use crate::base::outcome::Failure;
use crate::plan::Plan;
use crate::provider::location;
use crate::report::Report;
use crate::run::invocation::Invocation;

/// Interval at which a lock held by another process is tried again.
const TICK: Duration = Duration::from_millis(200);

/// Takes the repository's lock on this machine: backups and restores go together,
/// maintenance is alone. The provider's own locks, which other machines heed too, come
/// on top of it. Waiting is a phase.
///
/// # Errors
/// The unit is to stop, or the lock file cannot be opened.
pub fn repository(
    plan: &Plan,
    mode: Mode,
    invocation: &Invocation<'_>,
    report: &mut Report,
) -> Result<Lock, Failure> {
    let file = lock_of_repository("repository", plan, invocation)?;
    let others = match mode {
        Mode::Exclusive => "other work on the repository to end",
        Mode::Shared => "the maintenance of the repository to end",
    };
    wait(others, invocation, report, || lock::try_file(&file, mode))
}

/// Takes the lock for creating the repository, exclusive, or for looking whether there is
/// one, shared: two instances that create it at once leave a repository whose parts do not
/// belong together, and who looks meanwhile finds a part of one.
///
/// # Errors
/// The unit is to stop, or the lock file cannot be opened.
pub fn creation(
    plan: &Plan,
    mode: Mode,
    invocation: &Invocation<'_>,
    report: &mut Report,
) -> Result<Lock, Failure> {
    let file = lock_of_repository("creation", plan, invocation)?;
    let others = "another instance to create the repository";
    wait(others, invocation, report, || lock::try_file(&file, mode))
}

/// Takes the lock for looking whether there is a repository, if the instance has had no snapshot
/// yet: then another instance may create it meanwhile.
///
/// # Errors
/// See [`creation`].
pub fn looking(
    plan: &Plan,
    invocation: &Invocation<'_>,
    report: &mut Report,
) -> Result<Option<Lock>, Failure> {
    if invocation.directories.repository_identity().exists() {
        return Ok(None);
    }
    creation(plan, Mode::Shared, invocation, report).map(Some)
}

/// Takes one of `backupservice.maxConcurrent` slots. Take it after the repository's lock:
/// whoever has a slot waits for nobody, so there is no deadlock.
///
/// # Errors
/// The unit is to stop, or a lock file cannot be opened.
pub fn slot(
    plan: &Plan,
    invocation: &Invocation<'_>,
    report: &mut Report,
) -> Result<Option<Lock>, Failure> {
    let Some(limit) = plan.max_concurrent else {
        return Ok(None);
    };
    let locks = &invocation.directories.locks;
    let free = || {
        let mut slots = (0..limit).map(|slot| locks.join(format!("slot-{slot}")));
        let taken = slots.find_map(|slot| lock::try_file(&slot, Mode::Exclusive).transpose());
        taken.transpose()
    };
    let others = format!("one of {limit} instances to end (backupservice.maxConcurrent)");
    wait(&others, invocation, report, free).map(Some)
}

/// Waits in phase `waiting` until `try_it` returns something.
///
/// # Errors
/// The unit is to stop, or `try_it` failed.
pub fn wait<T>(
    what: &str,
    invocation: &Invocation<'_>,
    report: &mut Report,
    mut try_it: impl FnMut() -> anyhow::Result<Option<T>>,
) -> Result<T, Failure> {
    if let Some(taken) = try_it()? {
        return Ok(taken);
    }
    report.phase("waiting");
    report.note(&format!("waiting for {what}"));
    loop {
        invocation.cancel.check("waiting")?;
        thread::sleep(TICK);
        if let Some(taken) = try_it()? {
            return Ok(taken);
        }
    }
}

fn lock_of_repository(
    what: &str,
    plan: &Plan,
    invocation: &Invocation<'_>,
) -> anyhow::Result<PathBuf> {
    let key = location::key(plan, &invocation.credentials)?;
    let locks = &invocation.directories.locks;
    fs::create_dir_all(locks).with_context(|| format!("cannot create {}", locks.display()))?;
    Ok(locks.join(format!("{what}-{key}")))
}
