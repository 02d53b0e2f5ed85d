//! Retries of transient failures.
//!
//! systemd restarts the unit after exit status 75, with increasing delays; this module counts
//! the attempts and turns the last failure into a permanent one.

use crate::base::outcome::{Failure, FailureKind};
use crate::base::unit_names;
use crate::systemd::units::Units;

/// Number of attempts before a transient failure becomes permanent.
pub const ATTEMPTS: u32 = 5;

/// Number of the current attempt of an instance's unit, from 1. For the maintenance, pass
/// `<name>-maintain` as instance.
#[must_use]
pub fn attempt(units: &dyn Units, instance: &str) -> u32 {
    let unit = unit_names::service(instance, "");
    match units.restarts(&unit) {
        Ok(restarts) => restarts.saturating_add(1),
        Err(error) => {
            log::warn!("cannot get the number of this attempt, assuming the last: {error}");
            ATTEMPTS
        }
    }
}

/// Adds the attempt to the message of a transient failure; the last one becomes permanent.
#[must_use]
pub fn count_attempt(mut failure: Failure, attempt: u32) -> Failure {
    if !failure.is_transient() {
        return failure;
    }
    let message = &mut failure.problem.message;
    if attempt < ATTEMPTS {
        *message = format!("attempt {attempt} of {ATTEMPTS} failed: {message}");
    } else {
        *message = format!("{message}; gave up after {attempt} attempts");
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
            (FailureKind::Transient, "attempt 1 of 5 failed: locked")
        );
        let last = count_attempt(transient(), ATTEMPTS);
        assert_eq!(
            (last.kind, last.problem.message.as_str()),
            (FailureKind::Failed, "locked; gave up after 5 attempts")
        );
        let other = count_attempt(Failure::new("broken", "mend it"), 2);
        assert_eq!(other.problem.message, "broken");
    }
}
