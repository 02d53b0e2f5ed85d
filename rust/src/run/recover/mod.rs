//! `recover`: undoes what an interrupted run has not undone.
//!
//! Reads only the journal, never the plan: after a change of the configuration the plan may
//! be another one or gone.

mod record;
mod service_result;

use std::fs;

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

/// Recovers an instance after the unit that did `operation` ended with `ended`. Only
/// backups have records.
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
    fs::create_dir_all(&directories.runtime)
        .with_context(|| format!("cannot make {}", directories.runtime.display()))?;
    let lock = lock::try_take(directories)?;
    let journal = Journal::load(&directories.intent());
    let owner = journal.as_ref().ok().and_then(Option::as_ref);
    let owner = owner.map(|journal| journal.intent().run_id.clone());
    if lock.is_none() && (ended.invocation.is_none() || ended.invocation == owner) {
        // The run that the journal belongs to is alive.
        return Ok(());
    }
    let problem = match journal {
        _ if lock.is_none() => None,
        Ok(Some(journal)) => {
            if ended.is_of_unit() && !can_undo(operation, &journal) {
                Some(needs_rights(instance))
            } else {
                let own = ended.invocation.is_none() || ended.invocation == owner;
                let unseen = ServiceResult::default();
                let how = if own { ended } else { &unseen };
                let mut on_phase = |phase: &str| log::info!("recovering: {phase}");
                first(undo_run(journal, directories, how, units, &mut on_phase))
            }
        }
        Ok(None) => {
            claims::forget(directories);
            None
        }
        Err(error) => first(unreadable(directories, &error)),
    };
    if let (Operation::Backup, Some(run_id)) = (operation, &ended.invocation) {
        let left = InterruptedRun {
            instance,
            run_id,
            intent: None,
            finished: &UndoReport::default(),
        };
        record::write(directories, &left, ended);
    }
    problem.map_or(Ok(()), |problem| {
        Err(Failure::from(anyhow::Error::from(problem)))
    })
}

/// Recovers all instances, also those that are no longer configured; goes on when one
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
        if !directories.intent().exists() {
            continue;
        }
        log::info!("recovering the last run of {name}");
        let done = recover(
            &directories,
            &name,
            Operation::Backup,
            &ServiceResult::default(),
            units,
        );
        if let Err(failure) = done {
            log::error!("{name}: {failure}");
            failed.push(name);
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
    let finished = match Journal::load(&directories.intent()) {
        Ok(None) => {
            claims::forget(directories);
            return Ok(());
        }
        Ok(Some(journal)) if !can_undo(operation, &journal) => {
            let problem = needs_rights(&journal.intent().instance);
            return Err(Failure::of(FailureKind::Failed, problem));
        }
        Ok(Some(journal)) => {
            report.phase("recover");
            let units = invocation.units;
            undo_run(
                journal,
                directories,
                &ServiceResult::default(),
                units,
                &mut |_| (),
            )
        }
        Err(error) => unreadable(directories, &error),
    };
    for problem in &finished.problems {
        report.problem(problem);
    }
    if finished.postponed {
        return Err(Failure::of(
            FailureKind::Transient,
            Problem::new(
                "units that an earlier run has stopped cannot be started now",
                "wait until the machine has booted and systemd can be reached",
            ),
        ));
    }
    Ok(())
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

/// Whether a unit that does `operation` has the rights to undo `journal`: a backup cannot
/// change its sources.
fn can_undo(operation: Operation, journal: &Journal) -> bool {
    operation == Operation::Restore || journal.intent().operation == Operation::Backup
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

/// Sets a journal that cannot be read aside, which lets the next run begin.
fn unreadable(directories: &InstancePaths, error: &anyhow::Error) -> UndoReport {
    let path = directories.intent();
    let aside = path.with_extension("unreadable");
    let moved = match fs::rename(&path, &aside) {
        Ok(()) => format!("it is now {}", aside.display()),
        Err(error) => format!("it cannot be moved aside: {error}"),
    };
    UndoReport {
        problems: vec![Problem::new(
            format!("{error:#}; {moved}"),
            "check by hand that every unit it names runs again",
        )],
        postponed: false,
    }
}
