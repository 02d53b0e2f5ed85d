//! Derivation of events from the records of an instance and its state at the last scan.
//!
//! Without input or output: the same observation always yields the same events.

use jiff::Timestamp;

use super::events::{EventKind, InstanceState, Key};
use super::model::{NewEvent, Observation};
use super::wording;
use crate::base::outcome::Outcome;
use crate::report::record::Record;
use crate::systemd::Crash;
use crate::systemd::retries::ATTEMPTS;

/// Changes since the last scan.
pub(super) struct Derived {
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// Whether there is an event, or a run has succeeded.
    pub changed: bool,
}

/// Derives the events since the last scan, and updates the state.
pub(super) fn derive(state: &mut InstanceState, observed: &Observation) -> Derived {
    let mut events = Vec::new();
    let mut changed = false;
    let mut success = false;
    for record in settled(observed, new_runs(&observed.runs, state.last_run.as_ref())) {
        state.last_run = Some(record.into());
        state.outcome = Some(record.outcome);
        match record.outcome {
            Outcome::Success => {
                changed = true;
                success = true;
                if state.failing.is_some() || state.overdue {
                    events.push(wording::run(EventKind::Recovered, record));
                }
                (state.failing, state.overdue) = (None, false);
                state.crash = None;
            }
            Outcome::Failed | Outcome::Incomplete => {
                changed = true;
                state.failing = Some(record.outcome);
                state.crash = None;
                let failed = record.outcome == Outcome::Failed;
                let kind = if failed {
                    EventKind::Failed
                } else {
                    EventKind::Incomplete
                };
                events.push(wording::run(kind, record));
            }
            // No statement about whether backups work.
            Outcome::Skipped | Outcome::Cancelled => {}
        }
        if record.cleanup_failed {
            events.push(wording::run(EventKind::CleanupFailed, record));
        } else if state.cleanup_failed {
            events.push(wording::run(EventKind::CleanedUp, record));
        }
        state.cleanup_failed = record.cleanup_failed;
    }
    if let Some(crash) = &observed.crash {
        let recorded = observed
            .runs
            .iter()
            .any(|run| run.run_id == crash.invocation);
        if !recorded && remember(&mut state.crashes, crash) {
            changed = true;
            state.outcome = Some(Outcome::Failed);
            state.failing = Some(Outcome::Failed);
            state.crash = Some(crash.cause.clone());
            events.push(wording::crash(EventKind::Failed, &observed.instance, crash));
        }
    }
    events.extend(derive_maintenance(state, observed));
    let recovered = |event: &NewEvent| event.kind == EventKind::MaintenanceRecovered;
    let known = events.iter().any(recovered);
    let overdue = derive_maintenance_overdue(state, observed);
    events.extend(overdue.filter(|event| !(known && recovered(event))));
    events.extend(derive_overdue(state, observed, success));
    let unreadable = !observed.unreadable.is_empty();
    if unreadable != state.unreadable {
        events.push(wording::unreadable(observed));
    }
    state.unreadable = unreadable;
    changed |= !events.is_empty();
    Derived { events, changed }
}

fn derive_maintenance(state: &mut InstanceState, observed: &Observation) -> Option<NewEvent> {
    if let Some(crash) = &observed.maintenance_crash {
        let recorded = observed.maintenance.as_ref().map(|record| &record.run_id);
        if recorded != Some(&crash.invocation) && remember(&mut state.crashes, crash) {
            state.maintenance_failing = true;
            state.maintenance_outcome = Some(Outcome::Failed);
            let kind = EventKind::MaintenanceFailed;
            return Some(wording::crash(kind, &observed.instance, crash));
        }
    }
    let record = observed.maintenance.as_ref()?;
    let key = Key::from(record);
    let retried = record.outcome == Outcome::Failed && observed.maintaining.is_busy();
    if state.last_maintenance.as_ref() == Some(&key) || retried {
        return None;
    }
    state.last_maintenance = Some(key);
    state.maintenance_outcome = Some(record.outcome);
    // What an earlier one found holds until a later one finds otherwise: a check says nothing
    // about space, and one that was cancelled says nothing at all.
    let remains = observed.results.is_damaged() || observed.results.step_failed();
    let failed = [Outcome::Failed, Outcome::Incomplete].contains(&record.outcome);
    let was = state.maintenance_failing;
    state.maintenance_failing = match record.outcome {
        Outcome::Failed | Outcome::Incomplete => true,
        Outcome::Success => remains,
        Outcome::Skipped | Outcome::Cancelled => was || remains,
    };
    let kind = match (was, state.maintenance_failing) {
        (_, true) if failed => EventKind::MaintenanceFailed,
        (false, true) => EventKind::MaintenanceFailed,
        (true, false) => EventKind::MaintenanceRecovered,
        _ => return None,
    };
    Some(wording::maintenance(kind, record, &observed.results))
}

fn derive_maintenance_overdue(
    state: &mut InstanceState,
    observed: &Observation,
) -> Option<NewEvent> {
    let status = observed.maintenance_deadline.as_ref()?;
    let was = std::mem::replace(&mut state.maintenance_overdue, status.overdue);
    let kind = match (was, status.overdue) {
        (false, true) => EventKind::MaintenanceOverdue,
        (true, false) => EventKind::MaintenanceRecovered,
        _ => return None,
    };
    Some(wording::maintenance_deadline(kind, observed, status))
}

fn derive_overdue(
    state: &mut InstanceState,
    observed: &Observation,
    success: bool,
) -> Option<NewEvent> {
    let deadline_status = observed.deadline.as_ref()?;
    let was = std::mem::replace(&mut state.overdue, deadline_status.overdue);
    let kind = match (was, deadline_status.overdue) {
        (false, true) => EventKind::Overdue,
        (true, false) if !success => EventKind::InTime,
        _ => return None,
    };
    Some(wording::deadline(kind, observed, deadline_status))
}

/// End of the last backup since the last scan that succeeded. Told by the order of records:
/// the clock may have been set meanwhile.
pub(super) fn new_success(state: &InstanceState, observed: &Observation) -> Option<Timestamp> {
    let mut new = new_runs(&observed.runs, state.last_run.as_ref())
        .iter()
        .rev();
    let success = new.find(|run| run.outcome == Outcome::Success);
    success.map(|run| run.finished)
}

/// The same for a maintenance that has done all that it is for.
pub(super) fn new_maintenance(state: &InstanceState, observed: &Observation) -> Option<Timestamp> {
    let record = observed.maintenance.as_ref()?;
    let is_new = state.last_maintenance.as_ref() != Some(&Key::from(record));
    let complete = observed.results.complete;
    complete.filter(|end| is_new && *end == record.finished)
}

/// The runs since the last evaluated one; for a new instance those
/// from the last one on that says whether backups work.
fn new_runs<'a>(runs: &'a [Record], last: Option<&Key>) -> &'a [Record] {
    let Some(last) = last else {
        let first = runs.iter().rposition(is_telling).unwrap_or(runs.len());
        return &runs[first..];
    };
    let position = runs.iter().rposition(|run| Key::from(run) == *last);
    let after = position.map_or_else(
        || runs.partition_point(|run| run.finished <= last.finished),
        |position| position + 1,
    );
    &runs[after..]
}

/// Drops failed attempts that a later one has made up for, and all from one on that systemd
/// still retries: only the last attempt that says anything counts.
fn settled<'a>(observed: &Observation, runs: &'a [Record]) -> Vec<&'a Record> {
    let mut settled = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if run.outcome == Outcome::Failed && run.attempt < ATTEMPTS {
            let later = &runs[index + 1..];
            let attempts = later.iter().zip(run.attempt + 1..);
            let attempts = attempts.take_while(|(next, attempt)| next.attempt == *attempt);
            let attempts: Vec<&Record> = attempts.map(|(next, _)| next).collect();
            if attempts.iter().any(|next| is_telling(next)) {
                continue;
            }
            if attempts.len() == later.len() && observed.activity.is_busy() {
                break;
            }
        }
        settled.push(run);
    }
    settled
}

/// Whether a run says anything about whether backups work: it was neither skipped on purpose
/// nor cancelled on request.
fn is_telling(run: &Record) -> bool {
    !matches!(run.outcome, Outcome::Skipped | Outcome::Cancelled)
}

/// Records a crash. Returns false if it was recorded before.
fn remember(crashes: &mut Vec<String>, crash: &Crash) -> bool {
    if crashes.contains(&crash.invocation) {
        return false;
    }
    crashes.push(crash.invocation.clone());
    let superfluous = crashes.len().saturating_sub(8);
    crashes.drain(..superfluous);
    true
}
