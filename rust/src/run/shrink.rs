//! The shrink guard: data that lost half its size is more often an accident than a clean-up.

use crate::base::measure::{Totals, size};
use crate::base::outcome::Failure;
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::base::problem::Problem;
use crate::plan::Plan;
use crate::report;

/// Bytes; smaller losses are ignored, since small services change by half every day.
const FLOOR: u64 = 10 << 20;

/// Reads what the last success counted; none if there was none, or whatever size the data
/// has is to be accepted.
///
/// # Errors
/// The record cannot be read: without it, data that is gone would not be noticed.
pub fn baseline(plan: &Plan, directories: &InstancePaths) -> Result<Option<Totals>, Failure> {
    if directories.accept_shrink().exists() {
        return Ok(None);
    }
    let last = report::last_success(directories).map_err(|error| {
        Failure::new(
            format!("it is not known how much data there was: {error:#}"),
            format!(
                "repair the file or its disk; or `backupservice run {} --accept-shrink` accepts the current size as the baseline",
                plan.instance
            ),
        )
    })?;
    Ok(last.and_then(|record| record.totals))
}

/// Why a snapshot with these `totals` must not pass for a complete one: it holds much less
/// than the `baseline`. Carries out a request to accept the current size.
///
/// # Errors
/// The request cannot be removed.
pub fn problem(
    plan: &Plan,
    directories: &InstancePaths,
    baseline: Option<&Totals>,
    totals: &Totals,
) -> anyhow::Result<Option<Problem>> {
    let accepted = directories.accept_shrink();
    if accepted.exists() {
        remove_if_there(&accepted)?;
        return Ok(None);
    }
    let (Some(percent), Some(before)) = (plan.guards.max_shrink, baseline) else {
        return Ok(None);
    };
    if !is_too_much(before.bytes, totals.bytes, percent) {
        return Ok(None);
    }
    Ok(Some(Problem::new(
        format!(
            "the data shrank from {} to {} since the last complete snapshot, by more than guards.maxShrink ({percent} %)",
            size(before.bytes),
            size(totals.bytes)
        ),
        format!(
            "look for what is missing; if it is intended, `backupservice run {} --accept-shrink` accepts the new size as the baseline",
            plan.instance
        ),
    )))
}

fn is_too_much(before: u64, now: u64, percent: u8) -> bool {
    let lost = before.saturating_sub(now);
    lost >= FLOOR && u128::from(lost) * 100 > u128::from(before) * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_part_of_much_is_too_much() {
        let mib = |count: u64| count << 20;
        assert!(is_too_much(mib(100), mib(49), 50));
        assert!(!is_too_much(mib(100), mib(50), 50));
        assert!(!is_too_much(mib(100), mib(200), 50));
        assert!(!is_too_much(mib(12), mib(3), 50), "too little to speak of");
        assert!(is_too_much(mib(100), 0, 99));
        assert!(is_too_much(u64::MAX, 0, 50));
    }
}
