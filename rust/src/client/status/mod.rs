//! `status`: the last run and the current state of each instance, as text or JSON.
//!
//! Reads records, state files and systemd, but no repository: so every user may call it at any
//! time.

pub mod collect;
mod layout;
#[cfg(test)]
mod tests;
mod text;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::base::paths::Host;
use crate::client::terminal::Terminal;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Progress, Record};
use crate::systemd::timers::{RunActivity, TimerState, UnitStates};

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
    /// `idle`, `running`, or `unknown` if systemd cannot be reached.
    pub state: RunActivity,
    /// Current phase of the run or maintenance; only while `running`.
    pub phase: Option<String>,
    /// Progress of the phase, if known; only while `running`.
    pub progress: Option<Progress>,
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
    /// The deadline has passed, according to the last run of `backupservice-watch.service`.
    pub overdue: bool,
    /// The last run, as in `last-run.json`.
    pub last_run: Option<Record>,
    /// The last maintenance, as in `last-maintenance.json`.
    pub last_maintenance: Option<MaintenanceRecord>,
    /// The last runs, oldest first, as in `history.json`; only in the status of one instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Record>>,
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
/// There is no such instance, or a plan or record cannot be read.
pub fn run(
    host: &Host,
    name: Option<&str>,
    format: Format,
    now: &Zoned,
    ask: &dyn Fn(&[&str]) -> UnitStates,
) -> anyhow::Result<String> {
    let mut plans = collect::instances(host)?;
    if let Some(name) = name {
        collect::find(&plans, name)?;
        plans.retain(|plan| plan.instance == name);
    }
    let names: Vec<&str> = plans.iter().map(|plan| plan.instance.as_str()).collect();
    let schedule = ask(&names);
    let read = |plan| collect::status(host, plan, &schedule);
    let mut all = plans.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let failing = collect::add_deadlines(host, &mut all);
    if let (Some(name), Some(one)) = (name, all.first_mut()) {
        one.history = Some(collect::history(host, name)?);
    }
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&all)? + "\n",
        Format::Text(terminal) => match all.first() {
            Some(one) if name.is_some() => text::details(one, now, terminal),
            _ => text::table(&all, now, terminal) + &text::failing(&failing, now, terminal),
        },
    })
}
