//! Observation of an instance: everything that is known about it at one time.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::deadline::DeadlineStatus;
use super::events::EventKind;
use super::system::UnitState;
use crate::base::paths::Host;
use crate::plan::PlanSummary;
use crate::report::Records;
use crate::report::maintenance::{LastResults, MaintenanceRecord};
use crate::report::record::{Problem, Record};
use crate::systemd::Crash;
use crate::systemd::timers::RunActivity;

/// Everything known about an instance at one time.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Instance name.
    pub instance: String,
    /// Provider name; `unknown` if the plan cannot be read.
    pub provider: String,
    /// Time of the observation.
    pub now: Timestamp,
    /// Time zone for texts.
    pub zone: TimeZone,
    /// Last runs, oldest first.
    pub runs: Vec<Record>,
    /// Activity of the backup's unit.
    pub activity: RunActivity,
    /// Failure of the backup's unit.
    pub crash: Option<Crash>,
    /// Last maintenance.
    pub maintenance: Option<MaintenanceRecord>,
    /// Last result of each step of maintenance.
    pub results: LastResults,
    /// Activity of the maintenance's unit.
    pub maintaining: RunActivity,
    /// Failure of the maintenance's unit.
    pub maintenance_crash: Option<Crash>,
    /// State of the timer, if the monitor has asked for it.
    pub timer: Option<UnitState>,
    /// Deadline status; none if not evaluated.
    pub deadline: Option<DeadlineStatus>,
    /// The same for the maintenance.
    pub maintenance_deadline: Option<DeadlineStatus>,
    /// What cannot be read, and why.
    pub unreadable: Vec<String>,
    /// Why the clock is wrong, or was.
    pub clock: Option<String>,
}

impl Observation {
    /// Reads the files of an instance. Nothing is known of its units. `brief` leaves out the
    /// history if the last run succeeded.
    #[must_use]
    pub fn read(host: &Host, plan: &PlanSummary, now: Timestamp, brief: bool) -> Self {
        let records = Records::read(&host.instance(&plan.instance), brief);
        let mut unreadable = records.unreadable;
        unreadable.extend(plan.problem.clone());
        Self {
            instance: plan.instance.clone(),
            provider: plan.provider().to_owned(),
            now,
            zone: TimeZone::system(),
            runs: records.runs,
            activity: RunActivity::Unknown,
            crash: None,
            maintenance: records.maintenance,
            results: records.results,
            maintaining: RunActivity::Unknown,
            maintenance_crash: None,
            timer: None,
            deadline: None,
            maintenance_deadline: None,
            unreadable,
            clock: None,
        }
    }
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
