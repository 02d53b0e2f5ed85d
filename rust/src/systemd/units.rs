//! Starting and stopping of other units through systemd.

use std::collections::BTreeSet;
use std::fmt;

use crate::base::cancel::Cancel;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::problem::Problem;

/// Operations on units. Implemented by systemd, and by simulations in tests.
pub trait Units {
    /// Starts a unit and waits until its start job has ended: for a oneshot service
    /// until the service has. A cancel request stops the unit.
    ///
    /// # Errors
    /// systemd did not take the job.
    fn start_and_wait(&self, unit: &str, cancel: &Cancel) -> Result<UnitResult, UnitError>;

    /// Stops a unit and waits until it has stopped.
    ///
    /// # Errors
    /// systemd did not take the job, or the unit did not stop.
    fn stop_and_wait(&self, unit: &str) -> Result<(), UnitError>;

    /// Resets the start limit of a unit that was started too often.
    ///
    /// # Errors
    /// systemd did not reset it.
    fn forget_starts(&self, unit: &str) -> Result<(), UnitError>;

    /// Activity of a unit.
    ///
    /// # Errors
    /// systemd cannot be reached, or does not know the unit.
    fn activity(&self, unit: &str) -> Result<Activity, UnitError>;

    /// The loaded units whose names match `pattern`, with `*` for anything, that are active or
    /// about to be.
    ///
    /// # Errors
    /// systemd cannot be reached.
    fn active(&self, pattern: &str) -> Result<Vec<String>, UnitError>;

    /// The units that systemd stops along with `unit` directly, active or not.
    ///
    /// # Errors
    /// systemd cannot be reached, or does not know the unit.
    fn stopped_along(&self, unit: &str) -> Result<Vec<String>, UnitError>;

    /// The sockets, paths and timers that start `unit`, active or not.
    ///
    /// # Errors
    /// systemd cannot be reached, or does not know the unit.
    fn triggers(&self, unit: &str) -> Result<Vec<String>, UnitError>;

    /// Number of automatic restarts of a service since its last regular start.
    ///
    /// # Errors
    /// systemd cannot be reached, or does not know the unit.
    fn restarts(&self, unit: &str) -> Result<u32, UnitError>;

    /// Id of the unit's last activation; empty if there was none, or systemd has unloaded the
    /// unit since.
    ///
    /// # Errors
    /// systemd cannot be asked, or does not know the unit.
    fn last_activation(&self, unit: &str) -> Result<String, UnitError>;

    /// Whether the machine is shutting down, so that nothing can be started.
    fn shutting_down(&self) -> bool;
}

/// Activity of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Running or starting.
    Active,
    /// Stopping.
    Stopping,
    /// Not running.
    Inactive,
}

/// Result of a started unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitResult {
    /// Result of the job: `done`, `failed`, `dependency`, `timeout`, `canceled`, …
    pub job: String,
    /// systemd's `Result`: `success`, `exit-code`, `timeout`, `oom-kill`, …
    pub result: String,
    /// Exit status, or the signal that ended the main process.
    pub exit_status: i32,
    /// Id of this invocation, in the journal's form; empty if systemd forgot the unit.
    pub invocation_id: String,
    /// The unit was stopped because of a cancel request.
    pub cancelled: bool,
}

impl UnitResult {
    /// Whether the unit hit its start limit.
    #[must_use]
    pub fn started_too_often(&self) -> bool {
        self.result == "start-limit-hit"
    }

    /// Whether the unit succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.job == "done" && self.result == "success" && !self.cancelled
    }
}

impl UnitResult {
    /// Turns anything but success of `unit`, which was started as `what`, into a failure.
    ///
    /// # Errors
    /// The unit did not succeed, or was stopped on request.
    pub fn check(&self, what: &str, unit: &str) -> Result<(), Failure> {
        if self.succeeded() {
            return Ok(());
        }
        if self.cancelled {
            return Err(Failure::cancelled(what));
        }
        let logs = if self.invocation_id.is_empty() {
            format!("journalctl --unit {unit}")
        } else {
            format!("journalctl _SYSTEMD_INVOCATION_ID={}", self.invocation_id)
        };
        Err(Failure::new(
            format!("{what} ({unit}) {self}"),
            format!("read its output with `{logs}`"),
        ))
    }
}

impl fmt::Display for UnitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.result.as_str(), self.job.as_str()) {
            _ if self.cancelled => f.write_str("was stopped on request"),
            ("exit-code", _) => write!(f, "failed with exit status {}", self.exit_status),
            ("signal" | "core-dump", _) => write!(f, "was killed by signal {}", self.exit_status),
            ("timeout", _) => f.write_str("did not end in time"),
            ("oom-kill", _) => f.write_str("was killed because memory ran out"),
            ("success", "done") => f.write_str("succeeded"),
            ("success", "dependency") => {
                f.write_str("was not started because a unit that it requires failed")
            }
            ("success", job) => write!(f, "was not started (job result {job:?})"),
            (result, _) => write!(f, "failed with result {result:?}"),
        }
    }
}

/// Failed request to systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// Reason.
    pub reason: Reason,
    /// Message and remedy for the user.
    pub problem: Problem,
}

/// Reason of a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The unit does not exist.
    NotFound,
    /// polkit denies the request.
    Refused,
    /// systemd or the bus cannot be reached.
    Unreachable,
    /// Anything else.
    Other,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for UnitError {}

impl From<UnitError> for Failure {
    fn from(error: UnitError) -> Self {
        Self::of(FailureKind::Failed, error.problem)
    }
}

/// Lists the active units that stop along with `unit`, in an order in which they can be started
/// again. Units selected by `held` count as active.
///
/// # Errors
/// systemd cannot be reached, or does not know the unit.
pub fn taken_down_with(
    units: &dyn Units,
    unit: &str,
    held: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, UnitError> {
    let mut seen = BTreeSet::from([unit.to_owned()]);
    let mut order = vec![unit.to_owned()];
    let mut next = 0;
    while let Some(current) = order.get(next).cloned() {
        next += 1;
        for dependent in units.stopped_along(&current)? {
            if seen.insert(dependent.clone()) {
                order.push(dependent);
            }
        }
    }
    let mut active = Vec::new();
    for dependent in order.drain(1..) {
        if held(&dependent) || units.activity(&dependent)? == Activity::Active {
            active.push(dependent);
        }
    }
    Ok(active)
}

/// Lists the active sockets, paths and timers that would start `unit` again. Units selected by
/// `held` count as active.
///
/// # Errors
/// systemd cannot be reached, or does not know the unit.
pub fn active_triggers(
    units: &dyn Units,
    unit: &str,
    held: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, UnitError> {
    let mut active = Vec::new();
    for trigger in units.triggers(unit)? {
        if held(&trigger) || units.activity(&trigger)? == Activity::Active {
            active.push(trigger);
        }
    }
    Ok(active)
}
