//! Events of an instance, and its state between scans.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::ExpectedRun;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Problem, Record};

/// Kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A backup failed, and no automatic retry is left.
    Failed,
    /// Some of the data is not in the snapshot.
    Incomplete,
    /// First success after a failed, incomplete or overdue backup.
    Recovered,
    /// Something that was stopped or changed for a backup could not be undone.
    CleanupFailed,
    /// A maintenance failed.
    MaintenanceFailed,
    /// First success after a failed maintenance.
    MaintenanceRecovered,
    /// No successful backup in time.
    Overdue,
    /// No longer overdue without a successful backup, because the schedule has changed.
    InTime,
    /// Several events in one; has no instance.
    Summary,
    /// Kind that only another version of this program knows.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// Name in files and for hooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Recovered => "recovered",
            Self::CleanupFailed => "cleanup-failed",
            Self::MaintenanceFailed => "maintenance-failed",
            Self::MaintenanceRecovered => "maintenance-recovered",
            Self::Overdue => "overdue",
            Self::InTime => "in-time",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a problem has ended.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            Self::Recovered | Self::MaintenanceRecovered | Self::InTime
        )
    }

    /// Whether it concerns the maintenance rather than the backups.
    #[must_use]
    pub fn is_of_maintenance(self) -> bool {
        matches!(self, Self::MaintenanceFailed | Self::MaintenanceRecovered)
    }
}

/// An event: an item of `events.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Ascending number, never reused.
    pub id: u64,
    /// Time of the scan that found it, UTC.
    pub time: Timestamp,
    /// Kind.
    pub kind: EventKind,
    /// Instance name; empty in a summary.
    pub instance: String,
    /// Summary in a few words.
    pub title: String,
    /// Description, with the cause.
    pub message: String,
    /// Remedy, if there is one.
    #[serde(default)]
    pub remedy: Option<String>,
    /// Command that shows details.
    pub details_command: String,
    /// Record of the run or maintenance, if it wrote one.
    #[serde(default)]
    pub record: Option<Value>,
}

impl Event {
    /// Description, remedy and command for details, one line each.
    #[must_use]
    pub fn body(&self) -> String {
        let remedy = self.remedy.as_deref().map(|remedy| format!("{remedy}\n"));
        let remedy = remedy.unwrap_or_default();
        format!(
            "{}\n{remedy}Details: {}\n",
            self.message, self.details_command
        )
    }

    /// Description and remedy.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            remedy: self.remedy.clone(),
            ..Problem::without_remedy(&self.message)
        }
    }
}

/// Identifies a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    run_id: String,
    attempt: u32,
    pub(super) finished: Timestamp,
}

impl From<&Record> for Key {
    fn from(record: &Record) -> Self {
        Self {
            run_id: record.run_id.clone(),
            attempt: record.attempt,
            finished: record.finished,
        }
    }
}

impl From<&MaintenanceRecord> for Key {
    fn from(record: &MaintenanceRecord) -> Self {
        Self {
            run_id: record.run_id.clone(),
            attempt: 1,
            finished: record.finished,
        }
    }
}

/// State of an instance at the last scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceState {
    /// First scan of the instance, UTC.
    pub first_seen: Timestamp,
    /// Last evaluated record of a run.
    pub last_run: Option<Key>,
    /// The last run that was neither skipped nor cancelled did not succeed.
    pub failing: bool,
    /// Last evaluated record of a maintenance.
    pub last_maintenance: Option<Key>,
    /// The last maintenance did not succeed.
    pub maintenance_failing: bool,
    /// Invocation ids of the last units that failed without writing a record.
    pub crashes: Vec<String>,
    /// The next expected success.
    pub expected: Option<ExpectedRun>,
    /// There was no success in time.
    pub overdue: bool,
    /// Time from which it is overdue, if the machine stays awake, UTC.
    pub deadline: Option<Timestamp>,
}

impl InstanceState {
    /// State of an instance that was never scanned before.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            first_seen: now,
            last_run: None,
            failing: false,
            last_maintenance: None,
            maintenance_failing: false,
            crashes: Vec::new(),
            expected: None,
            overdue: false,
            deadline: None,
        }
    }

    /// Whether it was overdue at the last scan and has not succeeded since.
    #[must_use]
    pub fn is_overdue(&self, last_success: Option<Timestamp>) -> bool {
        let since = self.expected.as_ref().map(|run| run.since);
        self.overdue && (last_success.is_none() || last_success <= since)
    }

    /// Whether backups and maintenance succeed and are in time.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.failing && !self.maintenance_failing && !self.overdue
    }
}
