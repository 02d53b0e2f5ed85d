//! What a run came to, and what it says to systemd.

use serde::{Deserialize, Serialize};

/// How a run ended. Cleanup is judged separately: see [`crate::report::Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that was promised is in the snapshot.
    Success,
    /// A snapshot was made, but some of what was promised is not in it.
    Incomplete,
    /// Nothing was done, on purpose.
    Skipped,
    /// No usable snapshot was made.
    Failed,
    /// Someone stopped the run.
    Cancelled,
}

impl Outcome {
    /// The word used in journal fields, state files and hooks' `BACKUP_OUTCOME`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Incomplete => "incomplete",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
