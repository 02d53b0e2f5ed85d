//! Collection of the status of instances from records, state files, systemd and what the
//! monitor keeps.

use std::path::Path;

use jiff::Timestamp;

use super::{Retry, Status};
use crate::base::outcome::Outcome;
use crate::base::paths::{Host, read_json};
use crate::base::problem::Problem;
use crate::base::unit_names::MAINTAIN;
use crate::plan::PlanSummary;
use crate::report;
use crate::report::record::RunState;
use crate::systemd::retries::ATTEMPTS;
use crate::systemd::timers::{RunActivity, UnitStates};
use crate::watch::condition::Condition;
use crate::watch::model::Observation;
use crate::watch::store::Cursor;
use crate::watch::uptime::Uptime;

/// The plans of all instances of this machine, sorted by name, including those that cannot be
/// read.
///
/// # Errors
/// The plans cannot be listed.
pub fn instances(host: &Host) -> anyhow::Result<Vec<PlanSummary>> {
    let (plans, errors) = PlanSummary::read_all(&host.plans())?;
    for error in errors {
        log::warn!("{error:#}");
    }
    Ok(plans)
}

/// Finds the plan of an instance.
///
/// # Errors
/// There is no such instance.
pub fn find<'a>(all: &'a [PlanSummary], name: &str) -> Result<&'a PlanSummary, Problem> {
    all.iter()
        .find(|plan| plan.instance == name)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|plan| plan.instance.as_str()).collect();
            let remedy = if names.is_empty() {
                "No instance is configured: define one in backupservice.instances".to_owned()
            } else {
                format!("Choose one of: {}", names.join(", "))
            };
            Problem::new(format!("there is no instance `{name}`"), remedy)
        })
}

/// What the status of all instances is derived from, besides their files.
#[derive(Debug)]
pub struct Context<'a> {
    /// Directories of the machine.
    pub host: &'a Host,
    /// States of units.
    pub units: UnitStates,
    /// What the monitor kept at its last scan, if there was one.
    pub cursor: Option<Cursor>,
    /// Time since boot.
    pub uptime: Uptime,
    /// Now.
    pub now: Timestamp,
}

impl Context<'_> {
    /// Collects the status of one instance. What cannot be read is one of its problems.
    #[must_use]
    pub fn status(&self, plan: &PlanSummary) -> Status {
        let name = &plan.instance;
        let files = self.host.instance(name);
        let units = &self.units;
        let mut observed = Observation {
            activity: units.activity(name, ""),
            crash: units.crash(name, "").cloned(),
            maintaining: units.activity(name, MAINTAIN),
            maintenance_crash: units.crash(name, MAINTAIN).cloned(),
            ..Observation::read(self.host, plan, self.now, true)
        };
        let restored = report::restores::restores(&files).unwrap_or_else(|error| {
            let file = files.restores_history();
            let reason = format!("{} cannot be read: {error:#}", file.display());
            observed.unreadable.push(reason);
            Vec::new()
        });
        let restored = restored.into_iter().next_back();
        let mut current = |file: &Path, activity| {
            let state = read_json(file).unwrap_or_else(|error| {
                observed.unreadable.push(format!("{error:#}"));
                None
            });
            let last_run = observed.runs.last().map(|last| &last.run_id);
            let last_maintenance = observed.maintenance.as_ref().map(|last| &last.run_id);
            let last_restore = restored.as_ref().map(|last| &last.run_id);
            let ended = |state: &RunState| {
                [last_run, last_maintenance, last_restore].contains(&Some(&state.run_id))
            };
            now(state.filter(|state| !ended(state)), activity)
        };
        let is_restoring = units.restore(name).is_some();
        let restoring = if is_restoring {
            RunActivity::Running
        } else {
            RunActivity::Idle
        };
        // A backup may wait for its next attempt while something else runs.
        let (operation, (state, run)) = [
            ("restore", current(&files.restore_state(), restoring)),
            (
                "backup",
                current(&files.run_state(), units.activity(name, "")),
            ),
            (
                "maintenance",
                current(&files.maintenance_state(), units.activity(name, MAINTAIN)),
            ),
        ]
        .into_iter()
        .find(|(_, (state, _))| *state != RunActivity::Idle)
        .map_or((None, (RunActivity::Idle, None)), |(operation, current)| {
            (Some(operation).filter(|_| current.0.is_busy()), current)
        });
        let retry = self.retry(name, &observed);
        let condition = Condition::between_scans(observed, self.cursor.as_ref(), &self.uptime);
        let timer = units.timer(name, "");
        let (phase, progress) = run.map_or((None, None), |run| (Some(run.phase), run.progress));
        Status {
            state,
            operation,
            retry,
            last_restore: restored,
            phase,
            progress,
            timer: timer.state,
            next_run: timer.next,
            next_maintenance: units.timer(name, MAINTAIN).next,
            checked: self.cursor.as_ref().and_then(|cursor| cursor.scanned),
            ..Status::from(condition)
        }
    }
}

impl Context<'_> {
    /// The attempt of a backup that has failed, while it waits for the next one.
    fn retry(&self, name: &str, observed: &Observation) -> Option<Retry> {
        let last = observed
            .runs
            .last()
            .filter(|last| last.outcome == Outcome::Failed)?;
        (self.units.activity(name, "") == RunActivity::Retrying).then(|| Retry {
            attempt: last.attempt,
            attempts: ATTEMPTS,
            error: last.error.clone(),
            next: self.units.next_attempt(name, ""),
        })
    }
}

/// The run in progress according to its state file, if systemd confirms it.
fn now(state: Option<RunState>, activity: RunActivity) -> (RunActivity, Option<RunState>) {
    match (activity, state) {
        // Not begun yet, or ended: only its unit is still busy.
        (RunActivity::Running, None) => (RunActivity::Idle, None),
        (RunActivity::Running, state) => (RunActivity::Running, state),
        (activity, _) => (activity, None),
    }
}
