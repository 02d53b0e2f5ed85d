//! What is written about a run, and read by `status`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::base::measure::{Progress, Totals};
use crate::base::outcome::Outcome;
pub use crate::base::problem::Problem;

/// The version of [`Record`] and [`RunState`].
pub const VERSION: u32 = 1;

/// A run that ended: `last-run.json`, and the items of `history.json`.
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
    /// Which attempt it was, counted from 1.
    #[serde(default = "first")]
    pub attempt: u32,
    /// Start, UTC.
    pub started: Timestamp,
    /// End, UTC.
    pub finished: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Something that was stopped or changed for the run could not be put back.
    pub cleanup_failed: bool,
    /// Why it is not a success.
    pub error: Option<Problem>,
    /// The snapshot's id, if one was made.
    pub snapshot: Option<String>,
    /// What the provider counted.
    pub totals: Option<Totals>,
    /// Every phase with its duration, in order.
    pub phases: Vec<Phase>,
}

/// Of records that were written before attempts were counted.
fn first() -> u32 {
    1
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
            f.write_str(" Not everything could be put back: see the journal.")?;
        }
        Ok(())
    }
}

/// A run under way: `state.json`.
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
    /// What it is doing.
    pub phase: String,
    /// How far the provider is.
    pub progress: Option<Progress>,
}

/// A step of a run.
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
