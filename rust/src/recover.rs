//! `recover`: finishing what a run that ended too early has left.
//!
//! Reads only what is on the disk, never the plan: after a change of the configuration
//! the plan may be another one or gone.

use std::fs;

use jiff::Timestamp;

use crate::intent::{self, Finished, Intent, Journal, Operation};
use crate::invocation::Invocation;
use crate::outcome::{Failure, Kind, Outcome};
use crate::paths::{Instance, remove_if_there};
use crate::problem::Problem;
use crate::report::record::State;
use crate::report::{self, End, Report};
use crate::units::Units;
use crate::{lock, staging};

/// How systemd says that a unit ended, in the environment of its `ExecStopPost=`.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// `INVOCATION_ID`; missing when this is not about one unit but about the boot.
    pub invocation: Option<String>,
    /// `SERVICE_RESULT`: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, …
    pub result: Option<String>,
    /// `EXIT_CODE`: `exited`, `killed`, `dumped`.
    pub code: Option<String>,
    /// `EXIT_STATUS`: a number, or the name of a signal without `SIG`.
    pub status: Option<String>,
}

impl Ended {
    /// From our environment.
    #[must_use]
    pub fn current() -> Self {
        let variable = |name| std::env::var(name).ok();
        let result = variable("SERVICE_RESULT");
        Self {
            // At boot the id is that of the recovering unit itself.
            invocation: result.as_ref().and_then(|_| variable("INVOCATION_ID")),
            result,
            code: variable("EXIT_CODE"),
            status: variable("EXIT_STATUS"),
        }
    }

    fn outcome(&self) -> Outcome {
        match self.status.as_deref() {
            Some("TERM" | "INT" | "HUP") => Outcome::Cancelled,
            _ => Outcome::Failed,
        }
    }

    fn problem(&self, phase: Option<&str>) -> Problem {
        let status = self.status.as_deref().unwrap_or("unknown");
        let phase = phase.map_or(String::new(), |phase| format!(" in phase {phase}"));
        let early = status
            .parse()
            .is_ok_and(|status: u32| (200..=245).contains(&status));
        let (message, remedy) = match (self.result.as_deref(), self.code.as_deref()) {
            (None, _) => (
                format!("the machine went down before the run had ended{phase}"),
                "start the backup again",
            ),
            (Some("timeout"), _) => (
                format!("the executor did not end in time and was killed{phase}"),
                "raise the unit's time limits, or find what takes so long",
            ),
            (Some("oom-kill"), _) => (
                format!("the executor was killed because memory ran out{phase}"),
                "give the machine or the unit more memory",
            ),
            (_, Some("killed" | "dumped")) => (
                format!("the executor was killed by SIG{status}{phase}"),
                "start the backup again; the journal may tell who killed it",
            ),
            (_, Some("exited")) if early => (
                format!("systemd could not start the executor (exit status {status})"),
                "read the unit's messages in the journal",
            ),
            _ => (
                format!("the executor exited with status {status} and left no record{phase}"),
                "read the unit's messages in the journal",
            ),
        };
        Problem::new(message, remedy)
    }
}

/// Finishes what is left of an instance. `operation` is what the unit whose end this is
/// about was doing: only backups leave records.
///
/// # Errors
/// Something could not be put back, or what was left cannot be read.
pub fn recover(
    directories: &Instance,
    instance: &str,
    operation: Operation,
    ended: &Ended,
    units: &dyn Units,
) -> Result<(), Failure> {
    fs::create_dir_all(&directories.runtime).map_err(anyhow::Error::from)?;
    let Some(_lock) = lock::try_take(directories)? else {
        // What is in the journal is being worked on by a run that is alive.
        return Ok(());
    };
    let journal = Journal::load(&directories.intent());
    let intent = journal.as_ref().ok().and_then(Option::as_ref);
    let intent = intent.map(|journal| journal.intent().clone());
    let run_id = ended.invocation.clone();
    let run_id = run_id.or_else(|| intent.as_ref().map(|intent| intent.run_id.clone()));
    let own = intent.filter(|intent| Some(&intent.run_id) == run_id.as_ref());
    let operation = own.as_ref().map_or(operation, |intent| intent.operation);
    let state = report::running(directories).ok().flatten();

    let finished = match journal {
        Ok(Some(mut journal)) => {
            if journal.intent().outcome.is_none() && own.is_some() {
                journal.conclude(ended.outcome(), None)?;
            }
            undo(journal, directories, units, &mut |phase| {
                log::info!("recovering: {phase}");
            })
        }
        Ok(None) => Finished::default(),
        Err(error) => unreadable(directories, &error),
    };
    if let (Operation::Backup, Some(run_id)) = (operation, run_id) {
        let left = Left {
            run_id,
            intent: own,
            state,
            finished: &finished,
        };
        record(directories, instance, &left, ended);
    }
    let first = finished.problems.into_iter().next();
    first.map_or(Ok(()), |problem| {
        Err(Failure::from(anyhow::Error::from(problem)))
    })
}

/// Finishes what an earlier run has left, before a new one writes its own journal.
///
/// # Errors
/// The machine goes down: then nothing new may be begun either.
pub(crate) fn leftovers(invocation: &Invocation<'_>, report: &mut Report) -> Result<(), Failure> {
    let directories = &invocation.directories;
    let finished = match Journal::load(&directories.intent()) {
        Ok(None) => return Ok(()),
        Ok(Some(journal)) => {
            report.phase("recover");
            undo(journal, directories, invocation.units, &mut |_| ())
        }
        Err(error) => unreadable(directories, &error),
    };
    for problem in &finished.problems {
        report.problem(problem);
    }
    if finished.postponed {
        return Err(Failure::of(
            Kind::Passing,
            Problem::new(
                "what an earlier run has stopped cannot be started now",
                "wait until the machine has come up and systemd can be reached",
            ),
        ));
    }
    Ok(())
}

fn undo(
    journal: Journal,
    directories: &Instance,
    units: &dyn Units,
    on_phase: &mut dyn FnMut(&str),
) -> Finished {
    let mut finished = intent::finish(
        journal,
        &mut intent::Surroundings {
            units,
            directories,
            on_phase,
        },
    );
    if let Err(error) = staging::empty(&directories.staging()) {
        finished.problems.push(Problem {
            message: format!("cannot remove the dumps of an earlier run: {error}"),
            remedy: None,
        });
    }
    finished
}

/// Nobody can undo what nobody can read. Setting it aside lets the next run begin.
fn unreadable(directories: &Instance, error: &anyhow::Error) -> Finished {
    let path = directories.intent();
    let aside = path.with_extension("unreadable");
    let moved = match fs::rename(&path, &aside) {
        Ok(()) => format!("it is now {}", aside.display()),
        Err(error) => format!("it cannot be moved aside: {error}"),
    };
    Finished {
        problems: vec![Problem::new(
            format!("{error:#}; {moved}"),
            "check by hand that every unit it names runs again",
        )],
        postponed: false,
    }
}

/// What there is to know about a run that may have left no record.
struct Left<'a> {
    run_id: String,
    intent: Option<Intent>,
    state: Option<State>,
    finished: &'a Finished,
}

fn record(directories: &Instance, instance: &str, left: &Left<'_>, ended: &Ended) {
    let last = report::last_run(directories).ok().flatten();
    if last
        .as_ref()
        .is_some_and(|record| record.run_id == left.run_id)
    {
        if let Err(error) = remove_if_there(&directories.run_state()) {
            log::warn!(
                "cannot remove {}: {error}",
                directories.run_state().display()
            );
        }
        return;
    }
    let intent = left.intent.as_ref();
    let state = left.state.as_ref();
    let state = state.filter(|state| state.run_id == left.run_id);
    let provider = intent.map(|intent| intent.provider.clone());
    let provider = provider.or_else(|| last.map(|record| record.provider));
    let started = intent.map(|intent| intent.started);
    let started = started.or_else(|| state.map(|state| state.started));
    let concluded = intent.and_then(|intent| intent.outcome);
    let report = Report::resumed(
        directories,
        instance,
        provider.as_deref().unwrap_or("unknown"),
        &left.run_id,
        started.unwrap_or_else(Timestamp::now),
    );
    let _record = report.finish(End {
        outcome: concluded.unwrap_or_else(|| ended.outcome()),
        cleanup_failed: left.finished.cleanup_failed(),
        error: Some(ended.problem(state.map(|state| state.phase.as_str()))),
        snapshot: intent.and_then(|intent| intent.snapshot.clone()),
        totals: None,
    });
}
