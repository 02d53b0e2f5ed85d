//! Reading what runs left.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Status;
use crate::base::outcome::Outcome;
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Record, RunState};
use crate::systemd::timers::{RunActivity, UnitStates};
use crate::watch::store::{self, Failing};

/// What is needed of a plan; of any version, since a status should outlive a switch.
#[derive(Clone, Debug, Deserialize)]
pub struct ListedPlan {
    /// Its instance.
    pub instance: String,
    provider: ListedProvider,
}

#[derive(Clone, Debug, Deserialize)]
struct ListedProvider {
    #[serde(rename = "type")]
    kind: String,
}

/// All instances of this machine by name.
///
/// # Errors
/// The plans cannot be read.
pub fn instances(host: &Host) -> anyhow::Result<Vec<ListedPlan>> {
    let directory = host.plans();
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot list {}", directory.display()))?,
    };
    let mut plans = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", directory.display()))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            plans.extend(read::<ListedPlan>(&path)?);
        }
    }
    plans.sort_by(|a, b| a.instance.cmp(&b.instance));
    Ok(plans)
}

/// The one with this name.
///
/// # Errors
/// There is none.
pub fn find<'a>(all: &'a [ListedPlan], name: &str) -> Result<&'a ListedPlan, Problem> {
    all.iter()
        .find(|plan| plan.instance == name)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|plan| plan.instance.as_str()).collect();
            let remedy = if names.is_empty() {
                "There are none yet: define one in backupservice.instances".to_owned()
            } else {
                format!("Choose one of: {}", names.join(", "))
            };
            Problem::new(format!("there is no instance `{name}`"), remedy)
        })
}

/// What it does and did.
///
/// # Errors
/// What it left cannot be read.
pub fn status(host: &Host, plan: &ListedPlan, schedule: &UnitStates) -> anyhow::Result<Status> {
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
    // Most often the last run has all that is asked for, and the history is long.
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
        provider: plan.provider.kind.clone(),
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

/// Adds what the watch has found. Returns the channels through which nobody can be told, and
/// why.
pub fn watch(host: &Host, all: &mut [Status]) -> BTreeMap<String, Failing> {
    let cursor = store::cursor(&host.events()).unwrap_or_else(|error| {
        log::debug!("what the watch has found is not shown: {error:#}");
        None
    });
    let Some(cursor) = cursor else {
        return BTreeMap::new();
    };
    for one in all {
        if let Some(seen) = cursor.instances.get(&one.instance) {
            one.overdue = seen.is_overdue(one.last_success);
            one.deadline = seen.deadline;
        }
    }
    let failing = |(key, told): (_, store::DeliveryState)| Some((key, told.failing?));
    cursor.channels.into_iter().filter_map(failing).collect()
}

/// What is under way according to a state file, if systemd agrees. What has a record has
/// ended, whatever state it left.
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
    Ok(read(&host.instance(name).history())?.unwrap_or_default())
}

/// None if there is no such file.
fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .with_context(|| format!("{} is not what it should be", path.display()))
}
