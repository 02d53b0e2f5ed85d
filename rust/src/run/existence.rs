//! What a repository on the network has answered when it was asked whether it exists.

use serde::{Deserialize, Serialize};

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::{InstancePaths, read_json};
use crate::base::problem::Problem;

/// Why no password may be generated: `exists.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Cause and remedy.
    pub error: Problem,
    /// It may be another one later.
    pub transient: bool,
}

/// The answer of the last time that a repository on the network was asked, if that was a reason
/// not to generate a password.
///
/// # Errors
/// The answer cannot be read.
pub fn refusal(directories: &InstancePaths) -> anyhow::Result<Option<Failure>> {
    let answer: Option<Answer> = read_json(&directories.existence())?;
    Ok(answer.map(|answer| {
        let kind = if answer.transient {
            FailureKind::Transient
        } else {
            FailureKind::Failed
        };
        Failure::of(kind, answer.error)
    }))
}
