//! Trying again what may pass by itself.
//!
//! systemd starts the unit again after exit status 75, later each time; here is decided
//! when it has been tried often enough.

use crate::base::outcome::{Failure, FailureKind};
use crate::base::unit_names;
use crate::systemd::units::Units;

/// So often a run is tried before it has failed for good.
pub const ATTEMPTS: u32 = 5;

/// Which attempt this is, counted from 1, of the unit of an instance; the maintenance's is
/// that of the instance `<name>-maintain`.
#[must_use]
pub fn attempt(units: &dyn Units, instance: &str) -> u32 {
    let unit = unit_names::service(instance, "");
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
pub fn count_attempt(mut failure: Failure, attempt: u32) -> Failure {
    if !failure.is_transient() {
        return failure;
    }
    let message = &mut failure.problem.message;
    if attempt < ATTEMPTS {
        *message = format!("{message}; this was attempt {attempt} of {ATTEMPTS}");
    } else {
        *message = format!("{message}; it was tried {attempt} times");
        failure.kind = FailureKind::Failed;
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::problem::Problem;

    #[test]
    fn the_last_attempt_is_final() {
        let transient = || Failure::of(FailureKind::Transient, Problem::new("locked", "wait"));
        let first = count_attempt(transient(), 1);
        assert_eq!(
            (first.kind, first.problem.message.as_str()),
            (FailureKind::Transient, "locked; this was attempt 1 of 5")
        );
        let last = count_attempt(transient(), ATTEMPTS);
        assert_eq!(
            (last.kind, last.problem.message.as_str()),
            (FailureKind::Failed, "locked; it was tried 5 times")
        );
        let other = count_attempt(Failure::new("broken", "mend it"), 2);
        assert_eq!(other.problem.message, "broken");
    }
}
