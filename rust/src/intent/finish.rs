//! Undoing what a journal names.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{Action, Journal};
use crate::cancel::Cancel;
use crate::hooks::{self, Facts};
use crate::outcome::{Failure, Outcome};
use crate::paths::Instance;
use crate::problem::Problem;
use crate::units::{Activity, Reason, UnitError, Units};

/// What undoing needs of the world.
pub struct Surroundings<'a> {
    /// systemd.
    pub units: &'a dyn Units,
    /// The instance's directories.
    pub directories: &'a Instance,
    /// Is told each phase.
    pub on_phase: &'a mut dyn FnMut(&str),
}

/// How undoing went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// What could not be undone.
    pub problems: Vec<Problem>,
    /// The machine goes down: what is left is undone when it comes up again.
    pub postponed: bool,
}

impl Finished {
    /// Something is not as it was before.
    #[must_use]
    pub fn cleanup_failed(&self) -> bool {
        self.postponed || !self.problems.is_empty()
    }
}

/// Undoes everything that is not done yet, last first, going on when one thing fails.
/// Nothing cancels it. Each step is recorded as done once it was tried to its end;
/// the journal is removed when nothing is left.
pub fn finish(mut journal: Journal, surroundings: &mut Surroundings<'_>) -> Finished {
    let mut finished = Finished::default();
    let mut phase = String::new();
    for index in (0..journal.intent.steps.len()).rev() {
        let step = journal.intent.steps[index].clone();
        if step.done {
            continue;
        }
        let now = phase_of(&step.action);
        if now != phase {
            (surroundings.on_phase)(now);
            now.clone_into(&mut phase);
        }
        match undo(&step.action, &journal, surroundings) {
            Undone::Yes => {}
            Undone::No(problem) => finished.problems.push(problem),
            Undone::NotNow => {
                finished.postponed = true;
                continue;
            }
        }
        if let Err(error) = journal.complete(index) {
            finished.problems.push(Failure::from(error).problem);
        }
    }
    if !finished.postponed
        && let Err(error) = journal.close()
    {
        finished.problems.push(Problem {
            message: format!("cannot remove {}: {error}", journal.path.display()),
            remedy: None,
        });
    }
    finished
}

enum Undone {
    Yes,
    No(Problem),
    NotNow,
}

fn phase_of(action: &Action) -> &str {
    match action {
        Action::Start { .. } => "resume",
        Action::Hook { phase, .. } => phase,
        Action::PutBack { .. } | Action::Remove { .. } => "clean",
    }
}

fn undo(action: &Action, journal: &Journal, surroundings: &mut Surroundings<'_>) -> Undone {
    match action {
        Action::Start { unit } => start(unit, surroundings.units),
        Action::Hook { phase, name, unit } => {
            let hook = hooks::Call { phase, name, unit };
            run_hook(&hook, journal, surroundings)
        }
        Action::PutBack { from, to } => put_back(from, to),
        Action::Remove { path } => match fs::remove_dir_all(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Undone::No(Problem::new(
                format!("cannot remove the unfinished {}: {error}", path.display()),
                "remove it by hand",
            )),
            _ => Undone::Yes,
        },
    }
}

fn start(unit: &str, units: &dyn Units) -> Undone {
    // A socket refuses to start once its service runs; what runs needs nothing.
    if units.activity(unit) == Ok(Activity::Active) {
        return Undone::Yes;
    }
    match units.start_and_wait(unit, &Cancel::never()) {
        Ok(result) if result.succeeded() => Undone::Yes,
        Ok(result) => failed_unless_down(
            units,
            Problem::new(
                format!("{unit}, which was stopped for this, {result} when it was started again"),
                format!("look at `systemctl status {unit}` and start it"),
            ),
        ),
        Err(error) => of_error(units, error),
    }
}

fn run_hook(
    hook: &hooks::Call<'_>,
    journal: &Journal,
    surroundings: &mut Surroundings<'_>,
) -> Undone {
    let intent = &journal.intent;
    let facts = Facts {
        instance: &intent.instance,
        run_id: &intent.run_id,
        // Nothing is known about a run that never concluded but that it did not succeed.
        outcome: Some(intent.outcome.unwrap_or(Outcome::Failed)),
        snapshot: intent.snapshot.as_deref(),
    };
    let environment = surroundings.directories.hook_environment();
    match hooks::run(
        surroundings.units,
        hook,
        &facts,
        &environment,
        &Cancel::never(),
    ) {
        Ok(()) => Undone::Yes,
        Err(hooks::Error::Unit(error)) => of_error(surroundings.units, error),
        Err(hooks::Error::Failed(failure)) => {
            failed_unless_down(surroundings.units, failure.problem)
        }
    }
}

fn of_error(units: &dyn Units, error: UnitError) -> Undone {
    match error.reason {
        Reason::Unreachable => Undone::NotNow,
        _ => failed_unless_down(units, error.problem),
    }
}

fn failed_unless_down(units: &dyn Units, problem: Problem) -> Undone {
    if units.shutting_down() {
        Undone::NotNow
    } else {
        Undone::No(problem)
    }
}

fn put_back(from: &Path, to: &Path) -> Undone {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(to) || !is_there(from) {
        return Undone::Yes;
    }
    match fs::rename(from, to) {
        Ok(()) => Undone::Yes,
        Err(error) => Undone::No(Problem::new(
            format!(
                "the old data of {} is still in {}: {error}",
                to.display(),
                from.display()
            ),
            format!("mv {} {}", from.display(), to.display()),
        )),
    }
}
