//! What is written about a maintenance, and read by `status`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{Phase, Problem};
use crate::base::measure::size;
use crate::base::outcome::Outcome;

/// A maintenance that ended: `last-maintenance.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceRecord {
    /// Format; see [`super::record::VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// Provider name, such as `restic`.
    pub provider: String,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// End, UTC.
    pub finished: Timestamp,
    /// How it ended; skipped if there is no repository yet.
    pub outcome: Outcome,
    /// Why it is not a success.
    pub error: Option<Problem>,
    /// What it did, also if it failed afterwards.
    #[serde(flatten)]
    pub done: MaintenanceResults,
    /// Every phase with its duration, in order.
    pub phases: Vec<Phase>,
}

/// What a maintenance did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceResults {
    /// Ids of the instance's snapshots that were forgotten; null if none were looked for.
    pub removed: Option<Vec<String>>,
    /// So many of the instance's snapshots are left; null if not counted.
    pub kept: Option<usize>,
    /// Bytes that were freed, of all instances; null if not known.
    pub bytes_freed: Option<u64>,
    /// What the check of the repository found; null if it did not come to its end.
    pub check: Option<CheckResult>,
    /// The repository was locked, and locks of processes that are gone were removed.
    pub unlocked: bool,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// Nothing wrong.
    Sound,
    /// Damage: not every snapshot can be restored.
    Damaged,
}

/// How a maintenance ended.
#[derive(Clone, Debug)]
pub struct MaintenanceEnd {
    /// Its outcome.
    pub outcome: Outcome,
    /// Why it is not a success.
    pub error: Option<Problem>,
    /// What it did.
    pub done: MaintenanceResults,
}

impl fmt::Display for MaintenanceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, outcome) = (&self.instance, self.outcome.as_str());
        write!(f, "maintenance of {instance}: {outcome}")?;
        let done = &self.done;
        if done.unlocked {
            f.write_str(", stale locks removed")?;
        }
        if let Some(removed) = &done.removed {
            write!(f, ", {} snapshots forgotten", removed.len())?;
        }
        if let Some(kept) = done.kept {
            write!(f, ", {kept} kept")?;
        }
        if let Some(freed) = done.bytes_freed {
            write!(f, ", {} freed", size(freed))?;
        }
        match done.check {
            Some(CheckResult::Sound) => f.write_str(", repository is sound")?,
            Some(CheckResult::Damaged) => f.write_str(", repository is damaged")?,
            None => {}
        }
        match &self.error {
            Some(problem) => write!(f, ": {problem}"),
            None => Ok(()),
        }
    }
}
