//! The shrink guard: data that lost half its size is more often an accident than a clean-up.

use crate::base::measure::{Totals, size};
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::base::problem::Problem;
use crate::plan::Plan;
use crate::report;

/// Bytes; smaller losses are ignored, since small services change by half every day.
const FLOOR: u64 = 10 << 20;

/// Why a snapshot with these `totals` must not pass for a complete one: it holds much
/// less than the last that did. Costs nothing, since runs are on record.
///
/// # Errors
/// The records cannot be read.
pub fn problem(
    plan: &Plan,
    directories: &InstancePaths,
    totals: &Totals,
) -> anyhow::Result<Option<Problem>> {
    let accepted = directories.accept_shrink();
    if accepted.exists() {
        remove_if_there(&accepted)?;
        return Ok(None);
    }
    let (Some(percent), Some(before)) = (
        plan.guards.max_shrink,
        report::last_complete_totals(directories)?,
    ) else {
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
