//! The record of a maintenance.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{Phase, Problem, VERSION};
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
    /// How much of the stored data a check that found no errors has read, in percent.
    pub data_read: Option<u8>,
    /// Stale locks were removed from the repository.
    pub unlocked: bool,
    /// Whether old snapshots were forgotten; null if this was not tried.
    #[serde(default)]
    pub retention: Option<StepResult>,
    /// Whether space was freed; null if this was not tried.
    #[serde(default)]
    pub prune: Option<StepResult>,
}

/// Result of a step of a maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    /// It succeeded.
    Success,
    /// It failed.
    Failed,
}

/// Last result of each step, whichever maintenance it is from: `last-results.json`. A
/// maintenance that does not reach a step says nothing about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastResults {
    /// Format; see [`super::record::VERSION`].
    pub version: u32,
    /// End of the last maintenance that did all that it is for, UTC.
    pub complete: Option<Timestamp>,
    /// Last check of the repository.
    pub check: Option<Dated<CheckResult>>,
    /// Last time that old snapshots were to be forgotten.
    pub retention: Option<Dated<StepResult>>,
    /// Last time that space was to be freed.
    pub prune: Option<Dated<StepResult>>,
}

/// A result, and when the maintenance that it is from has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// The result.
    pub result: T,
    /// End of the maintenance, UTC.
    pub time: Timestamp,
}

impl LastResults {
    /// Adds the results of a maintenance.
    pub fn add(&mut self, record: &MaintenanceRecord) {
        let time = record.finished;
        let done = &record.done;
        self.version = VERSION;
        // One that reads a part may miss the damage that another has found.
        if !self.is_damaged() || done.data_read == Some(100) {
            update(&mut self.check, done.check, time);
        }
        update(&mut self.retention, done.retention, time);
        update(&mut self.prune, done.prune, time);
        let complete = match record.outcome {
            Outcome::Success => done.prune.is_some(),
            // There is nothing to maintain yet.
            Outcome::Skipped => true,
            _ => false,
        };
        if complete {
            self.complete = Some(time);
        }
    }

    /// Whether a check found damage, and none that read all data found none since.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.check
            .is_some_and(|check| check.result == CheckResult::Damaged)
    }

    /// Whether the last attempt to forget snapshots or to free space failed.
    #[must_use]
    pub fn step_failed(&self) -> bool {
        let steps = [self.retention, self.prune];
        steps
            .into_iter()
            .flatten()
            .any(|step| step.result == StepResult::Failed)
    }
}

fn update<T>(last: &mut Option<Dated<T>>, result: Option<T>, time: Timestamp) {
    if let Some(result) = result {
        *last = Some(Dated { result, time });
    }
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
            Some(CheckResult::Sound) => {
                f.write_str(", repository is sound")?;
                match done.data_read {
                    Some(100) => f.write_str(" (all data read)")?,
                    Some(percent) => write!(f, " ({percent} % of the data read)")?,
                    None => {}
                }
            }
            Some(CheckResult::Damaged) => f.write_str(", repository is damaged")?,
            None => {}
        }
        match &self.error {
            Some(problem) => write!(f, ": {problem}"),
            None => Ok(()),
        }
    }
}
