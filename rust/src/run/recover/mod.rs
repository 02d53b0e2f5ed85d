//! `recover`: finishing what a run that ended too early has left.
//!
//! Reads only what is on the disk, never the plan: after a change of the configuration
//! the plan may be another one or gone.

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

/// Finishes what is left of an instance. `operation` is what the unit whose end this is
/// about was doing: only backups leave records.
///
/// # Errors
/// Something could not be put back, or what was left cannot be read.
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
        // What is in the journal is being worked on by somebody who is alive.
        return Ok(());
    }
    let problem = match journal {
        _ if lock.is_none() => None,
        Ok(Some(journal)) => {
            if ended.is_of_unit() && !can_finish(operation, &journal) {
                Some(needs_rights(instance))
            } else {
                let own = ended.invocation.is_none() || ended.invocation == owner;
                let unseen = ServiceResult::default();
                let how = if own { ended } else { &unseen };
                let mut tell = |phase: &str| log::info!("recovering: {phase}");
                first(finish(journal, directories, how, units, &mut tell))
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

/// Finishes what any instance has left, also one that is not configured any more, and
/// goes on when one fails.
///
/// # Errors
/// Something could not be put back; each is in the journal.
pub fn all(host: &Host, units: &dyn Units) -> anyhow::Result<()> {
    let names = host
        .known_instances()
        .context("cannot list what instances have left")?;
    let mut failed = Vec::new();
    for name in names {
        let directories = host.instance(&name);
        if !directories.intent().exists() {
            continue;
        }
        log::info!("finishing what the last run of {name} has left");
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
        "not everything could be put back as it was for {}",
        failed.join(", ")
    );
    Ok(())
}

/// Finishes what an earlier run has left, before a new one writes its own journal.
///
/// # Errors
/// It cannot be finished now: then nothing new may be begun either.
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
        Ok(Some(journal)) if !can_finish(operation, &journal) => {
            let problem = needs_rights(&journal.intent().instance);
            return Err(Failure::of(FailureKind::Failed, problem));
        }
        Ok(Some(journal)) => {
            report.phase("recover");
            let units = invocation.units;
            finish(
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
                "what an earlier run has stopped cannot be started now",
                "wait until the machine has come up and systemd can be reached",
            ),
        ));
    }
    Ok(())
}

fn finish(
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
        // A restore saves nothing, but its lock may be left in the repository, too.
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

/// A backup sees nothing of the machine but its sources, and those it cannot change.
fn can_finish(operation: Operation, journal: &Journal) -> bool {
    operation == Operation::Restore || journal.intent().operation == Operation::Backup
}

fn needs_rights(instance: &str) -> Problem {
    Problem::new(
        format!("a restore of {instance} was interrupted, and is not finished"),
        "finish it with `systemctl start backupservice-recover.service`, and look at what that says",
    )
}

/// What is left for the exit status to tell; the others are told here.
fn first(finished: UndoReport) -> Option<Problem> {
    let mut problems = finished.problems.into_iter();
    let first = problems.next();
    problems.for_each(|problem| log::error!("{problem}"));
    first
}

/// Nobody can undo what nobody can read. Setting it aside lets the next run begin.
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
