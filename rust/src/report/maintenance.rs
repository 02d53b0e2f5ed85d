//! The record of a maintenance.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{Phase, Problem};
use crate::base::measure::size;
use crate::base::outcome::Outcome;

/// Record of a finished maintenance: `last-maintenance.json`.
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
    /// Outcome; skipped if there is no repository yet.
    pub outcome: Outcome,
    /// Cause and remedy, unless it succeeded.
    pub error: Option<Problem>,
    /// Results, even if it failed afterwards.
    #[serde(flatten)]
    pub done: MaintenanceResults,
    /// Every phase with its duration, in order.
    pub phases: Vec<Phase>,
}

/// Results of a maintenance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceResults {
    /// Ids of the instance's forgotten snapshots; null if this step was not reached.
    pub removed: Option<Vec<String>>,
    /// Number of the instance's remaining snapshots; null if not counted.
    pub kept: Option<usize>,
    /// Freed bytes, of all instances in the repository; null if unknown.
    pub bytes_freed: Option<u64>,
    /// Result of the repository check; null if the check did not finish.
    pub check: Option<CheckResult>,
    /// Stale locks were removed from the repository.
    pub unlocked: bool,
}

/// Result of a repository check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// No errors found.
    Sound,
    /// Errors found: some snapshots may not be restorable.
    Damaged,
}

/// End of a maintenance, from which its record is made.
#[derive(Clone, Debug)]
pub struct MaintenanceEnd {
    /// Outcome.
    pub outcome: Outcome,
    /// Cause and remedy, unless it succeeded.
    pub error: Option<Problem>,
    /// Results.
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
