//! Undoes the steps of a journal.

mod files;

pub use files::{AFTER, BEFORE};

use super::journal::{Action, Journal, Operation};
use crate::base::cancel::Cancel;
use crate::base::mounts::is_mounted;
use crate::base::outcome::{Failure, Outcome};
use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;
use crate::steps::hooks::{self, HookEnvironment};
use crate::steps::{claims, streams};
use crate::systemd::units::{Activity, Reason, UnitError, Units};

/// Context of [`undo`].
pub struct UndoContext<'a> {
    /// systemd.
    pub units: &'a dyn Units,
    /// The instance's directories.
    pub directories: &'a InstancePaths,
    /// Called at the beginning of each phase.
    pub on_phase: &'a mut dyn FnMut(&str),
}

/// Result of [`undo`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoReport {
    /// Problems with steps that could not be undone.
    pub problems: Vec<Problem>,
    /// Whether steps remain because systemd starts nothing now, as while the machine shuts
    /// down, or because a disk is missing.
    pub postponed: bool,
}

impl UndoReport {
    /// Whether something is not as it was before the run.
    #[must_use]
    pub fn cleanup_failed(&self) -> bool {
        self.postponed || !self.problems.is_empty()
    }
}

/// Undoes all steps that are not done yet, last first; goes on when one fails, and cannot
/// be cancelled. Undoes none while a disk is missing. Records each step as done once it was tried to its end. The caller records
/// the run and then closes the journal.
pub fn undo(journal: &mut Journal, context: &mut UndoContext<'_>) -> UndoReport {
    let mut report = UndoReport::default();
    if let Some(problem) = missing_disk(journal) {
        report.problems.push(problem);
        report.postponed = true;
        return report;
    }
    if !stop_own_units(journal, context, &mut report) {
        return report;
    }
    let mut phase = String::new();
    for index in (0..journal.intent.steps.len()).rev() {
        let step = journal.intent.steps[index].clone();
        if step.done || matches!(step.action, Action::Stop { .. }) {
            continue;
        }
        let now = step.action.phase();
        if now != phase {
            (context.on_phase)(now);
            now.clone_into(&mut phase);
        }
        match undo_action(&step.action, journal, context) {
            Undone::Yes => {}
            Undone::No(problem) => {
                if matches!(step.action, Action::Load { .. }) {
                    journal.intent.outcome = Some(Outcome::Failed);
                }
                journal.intent.cleanup_failed = true;
                report.problems.push(problem);
            }
            Undone::NotNow => {
                report.postponed = true;
                continue;
            }
        }
        if let Err(error) = journal.complete(index) {
            report.problems.push(Failure::from(error).problem);
        }
    }
    if !report.postponed {
        claims::forget(context.directories);
        report
            .problems
            .extend(clear_dumps(journal.intent.operation, context.directories).err());
    }
    report
}

/// Where nothing is mounted, what was to be undone looks as if it had never been done.
fn missing_disk(journal: &Journal) -> Option<Problem> {
    let mount_points = journal.intent.mount_points.iter();
    let mut missing = mount_points.filter_map(|mount_point| match is_mounted(mount_point) {
        Ok(true) => None,
        Ok(false) => {
            let (shown, kept) = (mount_point.display(), journal.path().display());
            Some(Problem::new(
                format!(
                    "{shown} is not mounted, and an interrupted restore of data on it is not undone yet"
                ),
                format!(
                    "mount it (`mount {shown}`), then `systemctl start backupservice-recover.service`; if the disk is gone for good, start what the restore has stopped, and remove {kept}"
                ),
            ))
        }
        Err(problem) => Some(problem),
    });
    missing.next()
}

fn clear_dumps(operation: Operation, directories: &InstancePaths) -> Result<(), Problem> {
    match operation {
        Operation::Restore => files::remove(&directories.restored_dumps()),
        Operation::Backup => {
            let staging = directories.staging();
            streams::empty(&staging).map_err(|error| {
                Problem::new(
                    format!("cannot empty the dumps of this run: {error}"),
                    format!("empty the files in {}", staging.display()),
                )
            })
        }
    }
}

/// Starts the units that an instance has claimed, as far as that is known without its
/// journal. Problems are added to `report`.
pub fn start_claimed(directories: &InstancePaths, units: &dyn Units, report: &mut UndoReport) {
    for unit in claims::claimed(directories) {
        match start_for_the_last(&unit, directories, units) {
            Undone::Yes => {}
            Undone::No(problem) => report.problems.push(problem),
            Undone::NotNow => report.postponed = true,
        }
    }
}

/// Stops hooks and dumps that outlived a killed executor. Returns false if one may still
/// run, so that nothing may be undone yet.
fn stop_own_units(
    journal: &mut Journal,
    context: &UndoContext<'_>,
    report: &mut UndoReport,
) -> bool {
    let units = context.units;
    let intent = &mut journal.intent;
    for step in &mut intent.steps {
        let Action::Stop { unit } = &step.action else {
            continue;
        };
        if step.done {
            continue;
        }
        match units.activity(unit) {
            Ok(Activity::Active | Activity::Stopping) => {}
            Ok(Activity::Inactive) => {
                step.done = true;
                continue;
            }
            // After a change of the configuration.
            Err(error) if error.reason == Reason::NotFound => {
                step.done = true;
                continue;
            }
            Err(error) => {
                log::error!("{unit} may still run: {error}");
                report.postponed = true;
                continue;
            }
        }
        log::info!("stopping {unit}, which is left from a killed run");
        let Err(error) = units.stop_and_wait(unit) else {
            step.done = true;
            continue;
        };
        match of_error(units, error) {
            Undone::No(problem) => {
                step.done = true;
                intent.cleanup_failed = true;
                report.problems.push(problem);
            }
            _ => report.postponed = true,
        }
    }
    !report.postponed
}

enum Undone {
    Yes,
    No(Problem),
    NotNow,
}

fn undo_action(action: &Action, journal: &Journal, context: &mut UndoContext<'_>) -> Undone {
    match action {
        Action::Start { unit } => start_for_the_last(unit, context.directories, context.units),
        Action::Stop { .. } => Undone::Yes,
        Action::Load { name, unit } => {
            let result = streams::load(name, unit, context.units, &Cancel::never());
            result.map_or_else(
                |failure| failed_unless_down(context.units, failure.problem),
                |()| Undone::Yes,
            )
        }
        Action::Hook { phase, name, unit } => {
            let hook = hooks::Call { phase, name, unit };
            run_hook(&hook, journal, context)
        }
        Action::RollBack {
            from,
            to,
            fresh,
            existed,
        } => of_result(files::roll_back(from, to, fresh, *existed)),
        Action::Attributes {
            path,
            notes,
            committed,
        } => of_result(files::give_attributes(path, notes, *committed)),
        Action::Remove { path } => of_result(files::remove(path)),
    }
}

fn of_result(result: Result<(), Problem>) -> Undone {
    result.map_or_else(Undone::No, |()| Undone::Yes)
}

/// Starts a unit, unless another instance still needs it to be stopped and starts it.
fn start_for_the_last(unit: &str, directories: &InstancePaths, units: &dyn Units) -> Undone {
    let claims = match claims::claims(directories, "resume", &Cancel::never()) {
        Ok(claims) => claims,
        Err(failure) => {
            log::warn!(
                "starting {unit}, although another instance may need it to be stopped: {failure}"
            );
            return start(unit, units);
        }
    };
    let undone = match claims.other(unit) {
        Some(other) => {
            log::info!("{unit} stays stopped until {other} has read its data, and starts it");
            Undone::Yes
        }
        None => start(unit, units),
    };
    if !matches!(undone, Undone::NotNow)
        && let Err(error) = claims.drop(unit)
    {
        log::warn!("{error:#}");
    }
    undone
}

fn start(unit: &str, units: &dyn Units) -> Undone {
    // A socket refuses to start once its service runs; what runs needs nothing.
    if units.activity(unit) == Ok(Activity::Active) {
        return Undone::Yes;
    }
    let start = || units.start_and_wait(unit, &Cancel::never());
    let started = match start() {
        // Several instances that quiesce one unit start it more often than it would be
        // by itself: its limit is not meant for that.
        Ok(result) if result.started_too_often() => {
            units.forget_starts(unit).and_then(|()| start())
        }
        started => started,
    };
    match started {
        Ok(result) if result.succeeded() => Undone::Yes,
        Ok(result) => failed_unless_down(
            units,
            Problem::new(
                format!("{unit} was stopped by this run and {result} when it was started again"),
                format!("look at `systemctl status {unit}` and start it"),
            ),
        ),
        Err(mut error) => {
            error.problem = Problem::new(
                format!(
                    "{unit} was stopped by this run and cannot be started again: {}",
                    error.problem.message
                ),
                format!("start it with `systemctl start {unit}`"),
            );
            of_error(units, error)
        }
    }
}

fn run_hook(hook: &hooks::Call<'_>, journal: &Journal, context: &mut UndoContext<'_>) -> Undone {
    let intent = &journal.intent;
    let facts = HookEnvironment {
        instance: &intent.instance,
        run_id: &intent.run_id,
        // A run that recorded no outcome did not succeed.
        outcome: Some(intent.outcome.unwrap_or(Outcome::Failed)),
        snapshot: intent.snapshot.as_deref(),
    };
    match hooks::run(
        context.units,
        hook,
        &facts,
        context.directories,
        &Cancel::never(),
    ) {
        Ok(()) => Undone::Yes,
        Err(hooks::HookError::Unit(error)) => of_error(context.units, error),
        Err(hooks::HookError::Failed(failure)) => {
            failed_unless_down(context.units, failure.problem)
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
