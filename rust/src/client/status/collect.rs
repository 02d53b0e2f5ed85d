//! Collection of the status of instances from records, state files and systemd.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::de::DeserializeOwned;

use super::Status;
use crate::base::outcome::Outcome;
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::plan::PlanSummary;
use crate::report;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Record, RunState};
use crate::systemd::timers::{RunActivity, UnitStates};
use crate::watch::store::{self, Failing};

/// The plans of all instances of this machine, sorted by name.
///
/// # Errors
/// A plan cannot be read.
pub fn instances(host: &Host) -> anyhow::Result<Vec<PlanSummary>> {
    let (plans, errors) = PlanSummary::read_all(&host.plans())?;
    errors.into_iter().next().map_or(Ok(plans), Err)
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

/// Collects the status of one instance.
///
/// # Errors
/// A record or state file cannot be read or parsed.
pub fn status(host: &Host, plan: &PlanSummary, schedule: &UnitStates) -> anyhow::Result<Status> {
    let name = &plan.instance;
    let files = host.instance(name);
    let last_run: Option<Record> = read(&files.last_run())?;
    let last_maintenance: Option<MaintenanceRecord> = read(&files.last_maintenance())?;
    let ended = [
        last_run.as_ref().map(|last| last.run_id.as_str()),
        last_maintenance.as_ref().map(|last| last.run_id.as_str()),
    ];
    let of_run = now(&files.run_state(), &ended, || schedule.activity(name, ""))?;
    let (state, run) = match of_run {
        (RunActivity::Idle, _) => now(&files.maintenance_state(), &ended, || {
            schedule.activity(name, "-maintain")
        })?,
        running => running,
    };
    let (phase, progress) = run.map_or((None, None), |run| (Some(run.phase), run.progress));
    // The history is long, and rarely needed: only if the last run did not succeed.
    let enough = |last: &Record| last.outcome == Outcome::Success && last.snapshot.is_some();
    let history = if last_run.as_ref().is_some_and(enough) {
        Vec::new()
    } else {
        history(host, name)?
    };
    let records = || history.iter().chain(&last_run);
    let last_success = records()
        .filter(|record| record.outcome == Outcome::Success)
        .map(|record| record.finished)
        .max();
    let last_with_snapshot = records()
        .filter(|record| record.snapshot.is_some())
        .max_by_key(|record| record.finished);
    let timer = schedule.timer(name, "");
    Ok(Status {
        instance: name.clone(),
        provider: plan.provider().to_owned(),
        state,
        phase,
        progress,
        last_success,
        last_snapshot: last_with_snapshot.and_then(|record| record.snapshot.clone()),
        last_bytes_added: last_with_snapshot
            .and_then(|record| record.totals)
            .map(|totals| totals.bytes_added),
        timer: timer.state,
        next_run: timer.next,
        next_maintenance: schedule.timer(name, "-maintain").next,
        deadline: None,
        overdue: false,
        last_run,
        last_maintenance,
        history: None,
    })
}

/// Adds deadlines from the last scan of the monitor. Returns the failing notification channels
/// with the cause of each failure.
pub fn add_deadlines(host: &Host, all: &mut [Status]) -> BTreeMap<String, Failing> {
    let cursor = store::cursor(host);
    let Some(cursor) = cursor else {
        return BTreeMap::new();
    };
    for one in all {
        if let Some(state) = cursor.instances.get(&one.instance) {
            let expected = state.expected.as_ref();
            let since = expected.map(|run| run.since);
            one.overdue =
                state.overdue && (one.last_success.is_none() || one.last_success <= since);
            one.deadline = expected.and_then(|run| run.deadline);
        }
    }
    let failing = cursor.failing();
    failing
        .map(|(name, failing)| (name, failing.clone()))
        .collect()
}

/// The run in progress according to a state file, if systemd confirms it. A run with a record
/// has finished, even if its state file still exists.
fn now(
    file: &Path,
    ended: &[Option<&str>],
    activity: impl FnOnce() -> RunActivity,
) -> anyhow::Result<(RunActivity, Option<RunState>)> {
    let state: Option<RunState> = read(file)?;
    let Some(state) = state.filter(|state| !ended.contains(&Some(&state.run_id))) else {
        return Ok((RunActivity::Idle, None));
    };
    let activity = activity();
    Ok((
        activity,
        Some(state).filter(|_| activity == RunActivity::Running),
    ))
}

/// The last runs, oldest first.
pub(super) fn history(host: &Host, name: &str) -> anyhow::Result<Vec<Record>> {
    report::history(&host.instance(name))
}

/// None if there is no such file.
fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .with_context(|| format!("{} is damaged; move it elsewhere", path.display()))
}
