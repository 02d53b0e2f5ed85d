//! `status`: what each instance did last and is doing now, for people and for programs.
//!
//! Everything comes from the files that runs leave and from systemd; no repository is
//! opened, so that anyone may ask at any time.

pub mod activity;
mod collect;
#[cfg(test)]
mod tests;
mod text;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::paths::Host;
use crate::report::maintenance::Maintenance;
use crate::report::record::{Progress, Record};
use activity::Activity;

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
    pub state: Activity,
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
    /// The last run, as in `last-run.json`.
    pub last_run: Option<Record>,
    /// The last maintenance, as in `last-maintenance.json`.
    pub last_maintenance: Option<Maintenance>,
    /// The last runs, oldest first, as in `history.json`; only when one instance is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<Record>>,
}

/// What to print: of all instances, or of one in more detail.
///
/// # Errors
/// There is no such instance, or a plan or record cannot be read.
pub fn run(
    host: &Host,
    name: Option<&str>,
    json: bool,
    now: &Zoned,
    activity: &dyn Fn(&str) -> Activity,
) -> anyhow::Result<String> {
    let all = collect::instances(host)?;
    let Some(name) = name else {
        let read = |plan| collect::status(host, plan, activity);
        let all = all.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        return if json {
            print(&all)
        } else {
            Ok(text::table(&all, now))
        };
    };
    let plan = collect::find(&all, name)?;
    let mut one = collect::status(host, plan, activity)?;
    let history = collect::history(host, name)?;
    if json {
        one.history = Some(history);
        return print(&[one]);
    }
    Ok(text::details(&one, &history, now))
}

fn print(all: &[Status]) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(all)? + "\n")
}
