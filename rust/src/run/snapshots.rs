//! Listing the snapshots of an instance, in its unit, for the command line.

use serde::{Deserialize, Serialize};

use crate::base::outcome::{self, Failure};
use crate::base::paths::{Readers, write_for};
use crate::base::problem::Problem;
use crate::plan::Plan;
use crate::provider::{self, Snapshot};
use crate::report::Report;
use crate::run::invocation::Invocation;
use crate::run::locked::unlocking;
use crate::run::{guards, locks, unverified};

/// The version of [`Listing`].
pub const VERSION: u32 = 1;

/// The answer: `snapshots.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Why there is no list.
    pub error: Option<Problem>,
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
}

/// Lists the snapshots and leaves the answer for the command line. Returns the exit
/// status.
///
/// # Errors
/// The answer cannot be written.
pub fn run(plan: &Plan, invocation: &Invocation<'_>) -> anyhow::Result<u8> {
    let name = provider::name(plan.provider.kind);
    let directories = &invocation.directories;
    let mut report = Report::of_restore(directories, &plan.instance, name, &invocation.id);
    let result = list(plan, invocation, &mut report);
    let status = match &result {
        Ok(_) => 0,
        Err(failure) => {
            report.problem(&failure.problem);
            outcome::exit_status(failure.outcome(), failure.is_transient())
        }
    };
    let listing = Listing {
        version: VERSION,
        run_id: invocation.id.clone(),
        error: result.as_ref().err().map(|failure| failure.problem.clone()),
        snapshots: result.unwrap_or_default(),
    };
    let json = serde_json::to_vec(&listing)?;
    // As guarded as the D-Bus method whose service reads it, in the group.
    write_for(Readers::Group, &directories.snapshots(), &json)?;
    Ok(status)
}

fn list(
    plan: &Plan,
    invocation: &Invocation<'_>,
    report: &mut Report,
) -> Result<Vec<Snapshot>, Failure> {
    guards::credentials(plan, invocation)?;
    let directories = &invocation.directories;
    let provider = (invocation.open)(plan, &invocation.credentials, directories)?;
    let _looking = locks::looking(plan, invocation, report)?;
    let mut snapshots = unlocking(&*provider, report, invocation.cancel, |job| {
        provider.snapshots(job)
    })?;
    unverified::apply(directories, &mut snapshots)?;
    Ok(snapshots)
}
