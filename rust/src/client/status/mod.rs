//! `status`: what each instance did last and is doing now, for people and for programs.
//!
//! Everything comes from the files that runs leave and from systemd; no repository is
//! opened, so that anyone may ask at any time.

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
/// Times are RFC 3339 in UTC, sizes are bytes, and what is not known is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name under `backupservice.instances`.
    pub instance: String,
    /// Provider name, such as `restic`.
    pub provider: String,
    /// `idle`, `running`, or `unknown` where systemd cannot be asked.
    pub state: RunActivity,
    /// What a run or maintenance is doing; only while `running`.
    pub phase: Option<String>,
    /// How far it is; only while `running`.
    pub progress: Option<Progress>,
    /// End of the last run that was a success.
    pub last_success: Option<Timestamp>,
    /// Id of the last snapshot that was made, complete or not.
    pub last_snapshot: Option<String>,
    /// Bytes that it added to the repository.
    pub last_bytes_added: Option<u64>,
    /// `waiting`, `running` (what it started), `elapsed` (for the last time), `dead`,
    /// `masked`, `missing`, or `unknown`: what the timer of the backup does.
    pub timer: TimerState,
    /// When the timer starts the next run; only while `waiting`.
    pub next_run: Option<Timestamp>,
    /// When the next maintenance starts.
    pub next_maintenance: Option<Timestamp>,
    /// When there has to be a success, if the machine is awake until then.
    pub deadline: Option<Timestamp>,
    /// There was none in time, as `backupservice-watch.service` has found.
    pub overdue: bool,
    /// The last run, as in `last-run.json`.
    pub last_run: Option<Record>,
    /// The last maintenance, as in `last-maintenance.json`.
    pub last_maintenance: Option<MaintenanceRecord>,
    /// The last runs, oldest first, as in `history.json`; only when one instance is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Record>>,
}

/// How it is to be shown.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// For programs.
    Json,
    /// For people, on this terminal.
    Text(Terminal),
}

/// What to print: of all instances, or of one in more detail. `ask` is asked once.
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
    let failing = collect::watch(host, &mut all);
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
