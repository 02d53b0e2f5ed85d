//! `status`: the last run and the current state of each instance, as text or JSON.
//!
//! Reads records, state files and systemd, but no repository: so every user may call it at any
//! time.

pub mod collect;
pub mod coverage;
mod layout;
#[cfg(test)]
mod tests;
mod text;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::base::outcome::Outcome;
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::client::terminal::Terminal;
use crate::report::maintenance::{LastResults, MaintenanceRecord};
use crate::report::record::{Progress, Record};
use crate::report::restores::RestoreRecord;
use crate::report::{self, Records};
use crate::systemd::timers::{RunActivity, TimerState, UnitStates};
use crate::watch::condition::{Condition, Finding};
use crate::watch::store::{self, Failing};
use crate::watch::uptime::Uptime;
use collect::Context;

/// One instance, as `status --json` prints it in an array.
///
/// Times are RFC 3339 in UTC, sizes are bytes, unknown values are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name under `backupservice.instances`.
    pub instance: String,
    /// Provider name, such as `restic`.
    pub provider: String,
    /// Nothing is wrong, as far as is known.
    pub healthy: bool,
    /// What is wrong or not known.
    pub problems: Vec<Finding>,
    /// Last scan of the monitor, which notifies about problems.
    pub checked: Option<Timestamp>,
    /// `idle`, `running`, `retrying` (failed, and will be started again), or `unknown` if
    /// systemd cannot be reached.
    pub state: RunActivity,
    /// What is running or waits for its next attempt: `backup`, `maintenance` or `restore`.
    pub operation: Option<&'static str>,
    /// The attempt that has failed and is followed by another one; only while a backup is
    /// `retrying`.
    pub retry: Option<Retry>,
    /// Current phase of the run, maintenance or restore; only while `running`.
    pub phase: Option<String>,
    /// Progress of the phase, if known; only while `running`.
    pub progress: Option<Progress>,
    /// Outcome of the last run that will not be retried; `failed` for one without a record.
    pub outcome: Option<Outcome>,
    /// Something that was changed for that run could not be undone.
    pub cleanup_failed: bool,
    /// End of the last successful run.
    pub last_success: Option<Timestamp>,
    /// Id of the last snapshot, complete or not.
    pub last_snapshot: Option<String>,
    /// Bytes that the last snapshot added to the repository.
    pub last_bytes_added: Option<u64>,
    /// State of the backup's timer: `waiting`, `running` (its service), `elapsed` (for the
    /// last time), `dead`, `masked`, `missing`, or `unknown`.
    pub timer: TimerState,
    /// Next elapse of the timer; only while `waiting`.
    pub next_run: Option<Timestamp>,
    /// Next elapse of the maintenance timer; only while it is waiting.
    pub next_maintenance: Option<Timestamp>,
    /// Time from which the backup is overdue, if the machine stays awake.
    pub deadline: Option<Timestamp>,
    /// The deadline has passed; null if the monitor does not run.
    pub overdue: Option<bool>,
    /// The last run, as in `last-run.json`.
    pub last_run: Option<Record>,
    /// The last maintenance, as in `last-maintenance.json`.
    pub last_maintenance: Option<MaintenanceRecord>,
    /// The last restore, as in `restores.json`.
    pub last_restore: Option<RestoreRecord>,
    /// The last result of each step of maintenance, as in `last-results.json`.
    pub last_results: LastResults,
    /// The last runs, oldest first, as in `history.json`; only in the status of one instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Record>>,
    /// The last restores, oldest first, as in `restores.json`; only in the status of one
    /// instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<Vec<RestoreRecord>>,
}

/// A failed attempt that is followed by another one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Number of the attempt that has failed, from 1.
    pub attempt: u32,
    /// Number of attempts at most.
    pub attempts: u32,
    /// Cause and remedy.
    pub error: Option<Problem>,
    /// Start of the next attempt.
    pub next: Option<Timestamp>,
}

impl From<Condition> for Status {
    /// All that the condition says; nothing about units.
    fn from(condition: Condition) -> Self {
        let last_success = condition.last_success();
        let Condition {
            observed,
            state,
            overdue,
            problems,
        } = condition;
        let with_snapshot = |record: &&Record| record.snapshot.is_some();
        let last = observed.runs.iter().rev().find(with_snapshot);
        let deadline = state.expected.and_then(|expected| {
            // After a success, the monitor has yet to find the next one.
            let current = last_success.is_none_or(|then| then <= expected.since);
            expected.deadline.filter(|_| current)
        });
        Self {
            instance: observed.instance,
            provider: observed.provider,
            healthy: problems.is_empty(),
            problems,
            checked: None,
            state: observed.activity,
            operation: None,
            retry: None,
            phase: None,
            progress: None,
            outcome: state.outcome,
            cleanup_failed: state.cleanup_failed,
            last_success,
            last_snapshot: last.and_then(|record| record.snapshot.clone()),
            last_bytes_added: last.and_then(|record| Some(record.totals?.bytes_added)),
            timer: TimerState::Unknown,
            next_run: None,
            next_maintenance: None,
            deadline,
            overdue,
            last_run: observed.runs.last().cloned(),
            last_maintenance: observed.maintenance,
            last_restore: None,
            last_results: observed.results,
            history: None,
            restores: None,
        }
    }
}

/// Output format.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// JSON.
    Json,
    /// Text for this terminal.
    Text(Terminal),
}

/// The status of all instances, or of one in more detail. `ask` returns the states of units,
/// and is called once.
///
/// # Errors
/// There is no such instance, or the plans cannot be listed.
pub fn run(
    host: &Host,
    name: Option<&str>,
    format: Format,
    now: &Zoned,
    uptime: &Uptime,
    ask: &dyn Fn(&[&str]) -> UnitStates,
) -> anyhow::Result<String> {
    let mut plans = collect::instances(host)?;
    if let Some(name) = name {
        collect::find(&plans, name)?;
        plans.retain(|plan| plan.instance == name);
    }
    let names: Vec<&str> = plans.iter().map(|plan| plan.instance.as_str()).collect();
    let context = Context {
        host,
        units: ask(&names),
        cursor: store::cursor(host),
        uptime: uptime.clone(),
        now: now.timestamp(),
    };
    let mut all: Vec<Status> = plans.iter().map(|plan| context.status(plan)).collect();
    let failing: Vec<(String, Failing)> = context
        .cursor
        .iter()
        .flat_map(|cursor| {
            let failing = cursor.failing();
            failing.map(|(name, failing)| (name, failing.clone()))
        })
        .collect();
    if let (Some(name), Some(one)) = (name, all.first_mut()) {
        let files = host.instance(name);
        one.history = Some(Records::read(&files, false).runs);
        one.restores = Some(report::restores::restores(&files).unwrap_or_default());
    }
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&all)? + "\n",
        Format::Text(terminal) => match all.first() {
            Some(one) if name.is_some() => text::details(one, now, terminal),
            _ => {
                text::table(&all, now, terminal)
                    + &text::retries(&all, now, terminal)
                    + &text::problems(&all, terminal)
                    + &text::failing(&failing, now, terminal)
            }
        },
    })
}
