//! The clock of the machine, which may be wrong: after an empty battery, before it is set from
//! the network, or by hand.
//!
//! A clock that is plainly wrong is said to be so, and nothing is derived from it.

use jiff::{SignedDuration, Timestamp};

/// Accepted difference between clocks.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Start of 2026, in seconds since 1970: this program is younger.
const WRITTEN: i64 = 1_767_225_600;

/// Time of a scan.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Seconds that the machine was awake since the last scan.
    pub awake: f64,
    /// It shows a time that cannot be.
    pub is_wrong: bool,
}

/// Why the clock is wrong, or was, with `last` being the latest time that is known to have been
/// seen on it.
pub(super) fn doubt(now: Timestamp, last: Option<Timestamp>) -> Option<String> {
    if is_before_this_program(now) {
        return Some(format!("The clock says {now:.0}, which is long over"));
    }
    let last = last.filter(|last| *last > now + SKEW)?;
    Some(format!(
        "The clock says {now:.0}, but has said {last:.0} before: one of them is wrong"
    ))
}

/// Whether a time was already over when this program was written.
pub(super) fn is_before_this_program(time: Timestamp) -> bool {
    time.as_second() < WRITTEN
}
