//! What is observed of an instance, and an event that follows from it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::deadline::DeadlineStatus;
use super::events::EventKind;
use super::system::{Crash, UnitState};
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::{Problem, Record};

/// What is known of an instance now.
pub struct Observation<'a> {
    /// Its name.
    pub instance: &'a str,
    /// Now.
    pub now: Timestamp,
    /// For the eyes of people.
    pub zone: &'a TimeZone,
    /// Its last runs, oldest first.
    pub runs: &'a [Record],
    /// A run is under way, or waits for another attempt.
    pub running: bool,
    /// Its last maintenance.
    pub maintenance: Option<&'a MaintenanceRecord>,
    /// A maintenance is under way, or waits for another attempt.
    pub maintaining: bool,
    /// Its unit has failed.
    pub crash: Option<&'a Crash>,
    /// The unit of its maintenance has failed.
    pub maintenance_crash: Option<&'a Crash>,
    /// How its timer is, if systemd says.
    pub timer: Option<&'a UnitState>,
    /// Whether it is overdue; none if that cannot be known.
    pub judged: Option<&'a DeadlineStatus>,
}

/// An event without its number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewEvent {
    pub kind: EventKind,
    pub problem: Problem,
    pub title: String,
    pub look: String,
    pub record: Option<Value>,
}
