//! Observation of an instance, and the events derived from it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::deadline::DeadlineStatus;
use super::events::EventKind;
use super::system::{Crash, UnitState};
use crate::report::maintenance::{LastResults, MaintenanceRecord};
use crate::report::record::{Problem, Record};

/// Everything known about an instance at the time of a scan.
pub struct Observation<'a> {
    /// Instance name.
    pub instance: &'a str,
    /// Time of the scan.
    pub now: Timestamp,
    /// Time zone for texts.
    pub zone: &'a TimeZone,
    /// Last runs, oldest first.
    pub runs: &'a [Record],
    /// A run is in progress, or waits for its next attempt.
    pub running: bool,
    /// Last maintenance.
    pub maintenance: Option<&'a MaintenanceRecord>,
    /// Last result of each step of maintenance.
    pub results: &'a LastResults,
    /// A maintenance is in progress, or waits for its next attempt.
    pub maintaining: bool,
    /// Failure of the backup's unit.
    pub crash: Option<&'a Crash>,
    /// Failure of the maintenance's unit.
    pub maintenance_crash: Option<&'a Crash>,
    /// State of the timer, if systemd reports it.
    pub timer: Option<&'a UnitState>,
    /// Deadline status; none if unknown.
    pub deadline_status: Option<&'a DeadlineStatus>,
    /// The same for the maintenance.
    pub maintenance_deadline: Option<&'a DeadlineStatus>,
}

/// Event before it has an id and a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewEvent {
    pub kind: EventKind,
    pub problem: Problem,
    pub title: String,
    pub details_command: String,
    pub record: Option<Value>,
}
