//! The record of a run, and its state while it is running.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::base::measure::{Progress, Totals};
use crate::base::outcome::Outcome;
pub use crate::base::problem::Problem;
use crate::systemd::retries::ATTEMPTS;

/// The version of [`Record`] and [`RunState`].
pub const VERSION: u32 = 1;

/// Record of a finished run: `last-run.json`, and the items of `history.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// Provider name, such as `restic`.
    pub provider: String,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Start, UTC.
    pub started: Timestamp,
    /// End, UTC.
    pub finished: Timestamp,
    /// Outcome.
    pub outcome: Outcome,
    /// Something that was stopped or changed for the run could not be undone.
    pub cleanup_failed: bool,
    /// Cause and remedy, unless it succeeded.
    pub error: Option<Problem>,
    /// Id of the snapshot, if one was created.
    pub snapshot: Option<String>,
    /// Files and bytes, as counted by the provider.
    pub totals: Option<Totals>,
    /// Every phase with its duration, in order.
    pub phases: Vec<Phase>,
}

impl Record {
    /// Whether it is an attempt that failed and may be followed by another one.
    #[must_use]
    pub fn may_be_retried(&self) -> bool {
        self.outcome == Outcome::Failed && self.attempt < ATTEMPTS
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backup of {}: {}", self.instance, self.outcome.as_str())?;
        if let Some(snapshot) = &self.snapshot {
            write!(f, ", snapshot {}", snapshot.get(..8).unwrap_or(snapshot))?;
        }
        if let Some(totals) = &self.totals {
            write!(f, ", {totals}")?;
        }
        if let Some(problem) = &self.error {
            write!(f, ": {problem}")?;
        }
        if self.cleanup_failed {
            f.write_str(" Cleanup failed: see the journal.")?;
        }
        Ok(())
    }
}

/// State of a run in progress: `state.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunState {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// Current phase.
    pub phase: String,
    /// Progress of the provider, if it reports any.
    pub progress: Option<Progress>,
}

/// Phase of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Name, as in the journal's `BACKUP_PHASE`.
    pub name: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// Duration in seconds.
    pub seconds: f64,
}
