//! Events of an instance, and its state between scans.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::ExpectedRun;
use crate::base::outcome::Outcome;
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
    /// What could not be undone before has been undone.
    CleanedUp,
    /// A maintenance failed.
    MaintenanceFailed,
    /// First success after a failed or overdue maintenance.
    MaintenanceRecovered,
    /// No successful maintenance in time.
    MaintenanceOverdue,
    /// No successful backup in time.
    Overdue,
    /// No longer overdue without a successful backup, because the schedule has changed.
    InTime,
    /// A file of the instance cannot be read.
    Unreadable,
    /// All files of the instance can be read again.
    Readable,
    /// The clock of the machine is wrong, or was; has no instance.
    ClockWrong,
    /// The clock is no longer seen to be wrong; has no instance.
    ClockRight,
    /// Test of a channel; has no instance.
    Test,
    /// Several events in one; has no instance.
    Summary,
    /// Kind that only another version of this program knows.
    #[serde(other)]
    Unknown,
}

/// Something that can be wrong with an instance or the machine, whatever else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// The last backup.
    Backup,
    /// The time of the next one.
    Deadline,
    /// What is undone after a backup.
    Cleanup,
    /// Maintenance.
    Maintenance,
    /// The files of the instance.
    Files,
    /// The clock of the machine.
    Clock,
    /// Anything else.
    Other,
}

impl EventKind {
    /// What the event says something about: a later one about the same takes its place.
    #[must_use]
    pub fn matters(self) -> &'static [Matter] {
        match self {
            Self::Failed | Self::Incomplete => &[Matter::Backup],
            Self::Recovered => &[Matter::Backup, Matter::Deadline],
            Self::Overdue | Self::InTime => &[Matter::Deadline],
            Self::CleanupFailed | Self::CleanedUp => &[Matter::Cleanup],
            Self::MaintenanceFailed | Self::MaintenanceRecovered | Self::MaintenanceOverdue => {
                &[Matter::Maintenance]
            }
            Self::Unreadable | Self::Readable => &[Matter::Files],
            Self::ClockWrong | Self::ClockRight => &[Matter::Clock],
            Self::Test | Self::Summary | Self::Unknown => &[Matter::Other],
        }
    }

    /// Name in files and for hooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Recovered => "recovered",
            Self::CleanupFailed => "cleanup-failed",
            Self::CleanedUp => "cleaned-up",
            Self::MaintenanceFailed => "maintenance-failed",
            Self::MaintenanceOverdue => "maintenance-overdue",
            Self::MaintenanceRecovered => "maintenance-recovered",
            Self::Overdue => "overdue",
            Self::InTime => "in-time",
            Self::Unreadable => "unreadable",
            Self::Readable => "readable",
            Self::ClockWrong => "clock-wrong",
            Self::ClockRight => "clock-right",
            Self::Test => "test",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a problem has ended.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            Self::Recovered
                | Self::CleanedUp
                | Self::MaintenanceRecovered
                | Self::InTime
                | Self::Readable
                | Self::ClockRight
        )
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
    /// Instance name; empty if it concerns the machine.
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
#[allow(clippy::struct_excessive_bools)] // each a verdict of its own
pub struct InstanceState {
    /// First scan of the instance, UTC.
    pub first_seen: Timestamp,
    /// Last evaluated record of a run.
    #[serde(default)]
    pub last_run: Option<Key>,
    /// Outcome of the last run that will not be retried; failed for one without a record.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// Outcome of the last run that was neither skipped nor cancelled, unless it succeeded.
    #[serde(default)]
    pub failing: Option<Outcome>,
    /// Cause of that failure if it left no record.
    #[serde(default)]
    pub crash: Option<String>,
    /// Something that was changed for the last run could not be undone.
    #[serde(default)]
    pub cleanup_failed: bool,
    /// Last evaluated record of a maintenance.
    #[serde(default)]
    pub last_maintenance: Option<Key>,
    /// Outcome of the last maintenance that will not be retried.
    #[serde(default)]
    pub maintenance_outcome: Option<Outcome>,
    /// The last maintenance did not succeed, or the last attempt at one of its steps.
    #[serde(default)]
    pub maintenance_failing: bool,
    /// Invocation ids of the last units that failed without writing a record.
    #[serde(default)]
    pub crashes: Vec<String>,
    /// The next expected success.
    #[serde(default)]
    pub expected: Option<ExpectedRun>,
    /// There was no success in time.
    #[serde(default)]
    pub overdue: bool,
    /// The next expected success of a maintenance.
    #[serde(default)]
    pub expected_maintenance: Option<ExpectedRun>,
    /// There was no maintenance in time.
    #[serde(default)]
    pub maintenance_overdue: bool,
    /// A file of the instance could not be read.
    #[serde(default)]
    pub unreadable: bool,
    /// There was any problem.
    #[serde(default)]
    pub unhealthy: bool,
}

impl InstanceState {
    /// State of an instance that was never scanned before.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            first_seen: now,
            last_run: None,
            outcome: None,
            failing: None,
            crash: None,
            cleanup_failed: false,
            last_maintenance: None,
            maintenance_outcome: None,
            maintenance_failing: false,
            crashes: Vec::new(),
            expected: None,
            overdue: false,
            expected_maintenance: None,
            maintenance_overdue: false,
            unreadable: false,
            unhealthy: false,
        }
    }
}
