//! Trying again what may pass by itself.
//!
//! systemd starts the unit again after exit status 75, later each time; here is decided
//! when it has been tried often enough.

use crate::base::outcome::{Failure, Kind};
use crate::systemd::units::Units;

/// So often a run is tried before it has failed for good.
pub const ATTEMPTS: u32 = 5;

/// Which attempt this is, counted from 1, of the unit of an instance; the maintenance's is
/// that of the instance `<name>-maintain`.
#[must_use]
pub fn attempt(units: &dyn Units, instance: &str) -> u32 {
    let unit = format!("backupservice-{instance}.service");
    match units.restarts(&unit) {
        Ok(restarts) => restarts.saturating_add(1),
        Err(error) => {
            log::warn!("cannot ask which attempt this is, so it is the last: {error}");
            ATTEMPTS
        }
    }
}

/// What a failure is at this attempt: the last is final.
#[must_use]
pub fn judge(mut failure: Failure, attempt: u32) -> Failure {
    if !failure.is_passing() {
        return failure;
    }
    let message = &mut failure.problem.message;
    if attempt < ATTEMPTS {
        *message = format!("{message}; this was attempt {attempt} of {ATTEMPTS}");
    } else {
        *message = format!("{message}; it was tried {attempt} times");
        failure.kind = Kind::Failed;
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::problem::Problem;

    #[test]
    fn the_last_attempt_is_final() {
        let passing = || Failure::of(Kind::Passing, Problem::new("locked", "wait"));
        let first = judge(passing(), 1);
        assert_eq!(
            (first.kind, first.problem.message.as_str()),
            (Kind::Passing, "locked; this was attempt 1 of 5")
        );
        let last = judge(passing(), ATTEMPTS);
        assert_eq!(
            (last.kind, last.problem.message.as_str()),
            (Kind::Failed, "locked; it was tried 5 times")
        );
        let other = judge(Failure::new("broken", "mend it"), 2);
        assert_eq!(other.problem.message, "broken");
    }
}
