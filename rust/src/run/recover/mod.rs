//! `recover`: undoes what an interrupted run has not undone.
//!
//! Reads only the journals, never the plan: after a change of the configuration the plan may
//! be another one or gone.

mod check;
mod record;
mod service_result;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::base::lock;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::{Host, InstancePaths};
use crate::base::problem::Problem;
use crate::report::Report;
use crate::run::invocation::Invocation;
use crate::run::unverified;
use crate::steps::journal::{Journal, Operation};
use crate::steps::undo::UndoReport;
use crate::steps::{claims, undo};
use crate::systemd::units::Units;
use record::InterruptedRun;

pub use service_result::ServiceResult;

/// Recovers an instance after the unit that did `operation` ended with `ended`, and writes its
/// record if it has none.
///
/// # Errors
/// If something cannot be undone, or the journal cannot be read.
pub fn recover(
    directories: &InstancePaths,
    instance: &str,
    operation: Operation,
    ended: &ServiceResult,
    units: &dyn Units,
) -> Result<(), Failure> {
    create_readable(&directories.runtime)
        .with_context(|| format!("cannot create {}", directories.runtime.display()))?;
    let lock = lock::try_take(directories)?;
    let journal = load(directories, operation);
    let owner = journal.as_ref().ok().and_then(Option::as_ref);
    let owner = owner.map(|journal| journal.intent().run_id.clone());
    if lock.is_none() && (ended.invocation.is_none() || ended.invocation == owner) {
        // The run that the journal belongs to is alive.
        return Ok(());
    }
    let problem = match journal {
        _ if lock.is_none() => None,
        Ok(Some(journal)) => {
            let own = ended.invocation.is_none() || ended.invocation == owner;
            let unseen = ServiceResult::default();
            let how = if own { ended } else { &unseen };
            let mut on_phase = |phase: &str| log::info!("recovering: {phase}");
            first(undo_run(journal, directories, how, units, &mut on_phase))
        }
        Ok(None) => {
            if !is_there(directories, other(operation)) {
                claims::forget(directories);
            }
            None
        }
        Err(error) => first(unreadable(directories, operation, &error, units)),
    };
    match (operation, &ended.invocation) {
        (Operation::Backup, Some(run_id)) => {
            let left = InterruptedRun {
                instance,
                run_id,
                intent: None,
                finished: &UndoReport::default(),
            };
            record::write(directories, &left, ended);
        }
        (Operation::Restore, Some(run_id)) => {
            record::write_restore(directories, instance, run_id, ended, problem.as_ref());
        }
        (_, None) => {}
    }
    problem.map_or(Ok(()), |problem| {
        Err(Failure::from(anyhow::Error::from(problem)))
    })
}

/// Creates a directory that all can read, whatever the umask: hooks read the facts of the
/// run in it, each as its own user.
fn create_readable(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}

/// Recovers all instances, and records which of them wait no more for another attempt; also those that are no longer configured; goes on when one
/// fails.
///
/// # Errors
/// If something cannot be undone; each problem is in the systemd journal.
pub fn all(host: &Host, units: &dyn Units) -> anyhow::Result<()> {
    let names = host
        .known_instances()
        .context("cannot list the instances")?;
    let mut failed = Vec::new();
    for name in names {
        let directories = host.instance(&name);
        // Files first: services start with the data that they belong to.
        let operations = [Operation::Restore, Operation::Backup];
        let interrupted = operations.map(|one| is_there(&directories, one).then_some(one));
        let mut undone = true;
        for operation in interrupted.into_iter().flatten() {
            log::info!("recovering the last run of {name}");
            let ended = ServiceResult::default();
            if let Err(failure) = recover(&directories, &name, operation, &ended, units) {
                log::error!("{name}: {failure}");
                undone = false;
            }
        }
        if !undone {
            failed.push(name.clone());
        }
        if let Err(error) = record::cancel_retries(&directories, &name, units) {
            log::error!("{name}: {error:#}");
        }
    }
    anyhow::ensure!(
        failed.is_empty(),
        "not everything could be undone for {}",
        failed.join(", ")
    );
    Ok(())
}

/// Recovers an earlier run before a new one writes its own journal.
///
/// # Errors
/// If that is not possible now; then the new run must not begin.
pub(crate) fn leftovers(
    invocation: &Invocation<'_>,
    operation: Operation,
    report: &mut Report,
) -> Result<(), Failure> {
    let directories = &invocation.directories;
    for interrupted in [Operation::Restore, Operation::Backup] {
        let undone = match load(directories, interrupted) {
            Ok(None) => continue,
            // A backup cannot change its sources.
            Ok(Some(journal)) if operation == Operation::Backup && interrupted != operation => {
                let problem = needs_rights(&journal.intent().instance);
                return Err(Failure::of(FailureKind::Failed, problem));
            }
            Ok(Some(journal)) => {
                report.phase("recover");
                let ended = ServiceResult::default();
                undo_run(journal, directories, &ended, invocation.units, &mut |_| ())
            }
            Err(error) => {
                let mut report = unreadable(directories, interrupted, &error, invocation.units);
                let problem = report.problems.remove(0);
                report
                    .problems
                    .iter()
                    .for_each(|problem| log::error!("{problem}"));
                return Err(Failure::of(FailureKind::Failed, problem));
            }
        };
        for problem in &undone.problems {
            report.problem(problem);
        }
        if undone.postponed {
            let problem = undone.problems.into_iter().next().unwrap_or_else(|| {
                Problem::new(
                    "units that an earlier run has stopped cannot be started now",
                    "wait until the machine has booted and systemd can be reached",
                )
            });
            return Err(Failure::of(FailureKind::Transient, problem));
        }
    }
    claims::forget(directories);
    Ok(())
}

/// Reads the journal of an interrupted run, as hostile input.
fn load(directories: &InstancePaths, operation: Operation) -> anyhow::Result<Option<Journal>> {
    let path = path(directories, operation);
    let journal = Journal::load(&path)?;
    if let Some(journal) = &journal {
        let instance = directories.name().to_string_lossy();
        check::check(journal.intent(), &instance, operation)
            .with_context(|| format!("{} is not an intent journal of ours", path.display()))?;
    }
    Ok(journal)
}

fn path(directories: &InstancePaths, operation: Operation) -> PathBuf {
    match operation {
        Operation::Backup => directories.intent(),
        Operation::Restore => directories.restore_intent(),
    }
}

/// Also one that is a link, which [`load`] refuses.
fn is_there(directories: &InstancePaths, operation: Operation) -> bool {
    path(directories, operation).symlink_metadata().is_ok()
}

fn other(operation: Operation) -> Operation {
    match operation {
        Operation::Backup => Operation::Restore,
        Operation::Restore => Operation::Backup,
    }
}

fn undo_run(
    mut journal: Journal,
    directories: &InstancePaths,
    ended: &ServiceResult,
    units: &dyn Units,
    on_phase: &mut dyn FnMut(&str),
) -> UndoReport {
    let mut problems = Vec::new();
    let mut note = |result: anyhow::Result<()>| {
        problems.extend(result.err().map(|error| Failure::from(error).problem));
    };
    let before = journal.intent().clone();
    if before.outcome.is_none() {
        // A killed restore leaves no snapshot, but perhaps a lock in the repository.
        note(unverified::raise(directories, before.started));
        note(journal.conclude(ended.outcome(), None));
    }
    let mut finished = undo::undo(
        &mut journal,
        &mut undo::UndoContext {
            units,
            directories,
            on_phase,
        },
    );
    finished.problems.extend(problems);
    if before.operation == Operation::Backup {
        let left = InterruptedRun {
            instance: &before.instance,
            run_id: &before.run_id,
            intent: Some(&before),
            finished: &finished,
        };
        record::write(directories, &left, ended);
    }
    if !finished.postponed
        && let Err(error) = journal.close()
    {
        finished.problems.push(Failure::from(error).problem);
    }
    finished
}

fn needs_rights(instance: &str) -> Problem {
    Problem::new(
        format!("a restore of {instance} was interrupted and is not undone yet"),
        "undo it with `systemctl start backupservice-recover.service`, and read its messages if that fails",
    )
}

/// The problem that decides the exit status; the others are logged.
fn first(finished: UndoReport) -> Option<Problem> {
    let mut problems = finished.problems.into_iter();
    let first = problems.next();
    problems.for_each(|problem| log::error!("{problem}"));
    first
}

/// Starts the units that are known to be stopped. Nobody can tell what else there was to
/// undo: the journal stays and no run begins until somebody has removed it.
fn unreadable(
    directories: &InstancePaths,
    operation: Operation,
    error: &anyhow::Error,
    units: &dyn Units,
) -> UndoReport {
    let path = path(directories, operation);
    let mut report = UndoReport {
        problems: vec![Problem::new(
            format!("cannot undo an interrupted run: {error:#}"),
            format!(
                "check that all units and data are as they should be, then acknowledge it with `rm {}`",
                path.display()
            ),
        )],
        postponed: false,
    };
    undo::start_claimed(directories, units, &mut report);
    report
}
