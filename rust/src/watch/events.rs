//! What can happen to an instance, and what is remembered of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::Wait;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Problem, Record};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A backup failed, and will not be tried again by itself.
    Failed,
    /// A snapshot lacks something that was promised.
    Incomplete,
    /// The first success after one of these, or after being overdue.
    Recovered,
    /// Something that was stopped or changed for a backup could not be put back.
    CleanupFailed,
    /// A maintenance failed.
    MaintenanceFailed,
    /// The first that did not, afterwards.
    MaintenanceRecovered,
    /// There was no success in time.
    Overdue,
    /// It is not overdue any more, though there was no success: the schedule is another.
    InTime,
}

impl EventKind {
    /// The word used in files and for hooks.
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
        }
    }

    /// Whether it is good news.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            Self::Recovered | Self::MaintenanceRecovered | Self::InTime
        )
    }

    /// Whether it is about the maintenance: what was said about backups stays true.
    #[must_use]
    pub fn is_of_maintenance(self) -> bool {
        matches!(self, Self::MaintenanceFailed | Self::MaintenanceRecovered)
    }
}

/// Something that happened: an item of `events.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Counted up, never used twice.
    pub id: u64,
    /// When it was seen, UTC.
    pub time: Timestamp,
    /// What it is.
    pub kind: EventKind,
    /// To which instance it happened.
    pub instance: String,
    /// A few words.
    pub title: String,
    /// What happened.
    pub text: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// A command that shows more.
    pub look: String,
    /// The record of the run or maintenance, if it is about one that left a record.
    pub record: Option<Value>,
}

impl Event {
    /// What happened, the remedy and where to look, a line each.
    #[must_use]
    pub fn body(&self) -> String {
        let remedy = self.remedy.as_deref().map(|remedy| format!("{remedy}\n"));
        let (text, remedy, look) = (&self.text, remedy.unwrap_or_default(), &self.look);
        format!("{text}\n{remedy}More: {look}\n")
    }

    /// What happened, and what to do about it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            message: self.text.clone(),
            remedy: self.remedy.clone(),
        }
    }
}

/// A record among others.
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

/// What was seen of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceState {
    /// When it was looked at for the first time.
    pub first_seen: Timestamp,
    /// The last record that was judged.
    pub run: Option<Key>,
    /// The last run that was a success or should have been one was none.
    pub broken: bool,
    /// The last record of a maintenance that was judged.
    pub maintenance: Option<Key>,
    /// It was no success.
    pub maintenance_broken: bool,
    /// The last failures of units that left no record.
    #[serde(default)]
    pub crashes: Vec<String>,
    /// Until when there has to be a success.
    pub wait: Option<Wait>,
    /// There was none.
    pub overdue: bool,
    /// When it is overdue if the machine stays awake.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

impl InstanceState {
    /// Seen for the first time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            first_seen: now,
            run: None,
            broken: false,
            maintenance: None,
            maintenance_broken: false,
            crashes: Vec::new(),
            wait: None,
            overdue: false,
            deadline: None,
        }
    }

    /// There was no success in time, nor since that was seen.
    #[must_use]
    pub fn is_overdue(&self, last_success: Option<Timestamp>) -> bool {
        let since = self.wait.as_ref().map(|wait| wait.since);
        self.overdue && (last_success.is_none() || last_success <= since)
    }

    /// Nothing is wrong with it.
    #[must_use]
    pub fn is_well(&self) -> bool {
        !self.broken && !self.maintenance_broken && !self.overdue
    }
}
