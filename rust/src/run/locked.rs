//! Work that a lock in the repository prevents.

use crate::base::cancel::Cancel;
use crate::base::outcome::{Failure, FailureKind};
use crate::provider::{Job, Provider, Unlocked};
use crate::report::Report;
use crate::run::observer::observed;

/// Does `work`, and once more if stale locks that prevented it were removed.
///
/// # Errors
/// It failed. If other locks prevented it, the failure names their holders.
pub fn unlocking<T>(
    provider: &dyn Provider,
    report: &mut Report,
    cancel: &Cancel,
    mut work: impl FnMut(&mut Job<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let locked = match observed(report, cancel, &mut work) {
        Err(failure) if failure.kind == FailureKind::Locked => failure,
        result => return result,
    };
    let unlocked = observed(report, cancel, |job| provider.unlock(job))?;
    if !unlocked.removed {
        return Err(explained(locked, provider, &unlocked));
    }
    let result = observed(report, cancel, work);
    result.map_err(|failure| explained(failure, provider, &unlocked))
}

/// Names the holders of the locks that were left alone, and their age.
#[must_use]
pub fn explained(mut failure: Failure, provider: &dyn Provider, unlocked: &Unlocked) -> Failure {
    if failure.kind == FailureKind::Locked && !unlocked.left.is_empty() {
        failure.problem.message = format!(
            "{}: the repository is locked by another process: {}",
            provider.name(),
            unlocked.left.join("; ")
        );
    }
    failure
}
