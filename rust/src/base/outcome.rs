//! What a run came to, and what it says to systemd.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::problem::Problem;

/// How a run ended. Cleanup is judged separately: see [`crate::report::record::Record`].
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
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Incomplete,
        Self::Skipped,
        Self::Failed,
        Self::Cancelled,
    ];

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

/// Why a step could not be done, and what follows from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub kind: FailureKind,
    /// What to tell.
    pub problem: Problem,
}

/// The kinds of failure that are acted upon differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Someone has to do something about it.
    Failed,
    /// It may pass by itself: trying again later is worth it.
    Transient,
    /// The provider says that somebody else has locked the repository, which passes too
    /// unless that somebody is gone.
    Locked,
    /// The provider says that what is stored is damaged.
    Damaged,
    /// The provider says that there is no repository yet.
    NoRepository,
    /// Someone stopped the run.
    Cancelled,
}

impl Failure {
    /// A failure that someone has to do something about.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(FailureKind::Failed, Problem::new(message, remedy))
    }

    /// A failure of a certain kind.
    #[must_use]
    pub fn of(kind: FailureKind, problem: Problem) -> Self {
        Self { kind, problem }
    }

    /// Someone stopped the run while it was doing `what`.
    #[must_use]
    pub fn cancelled(what: &str) -> Self {
        let message = format!("cancelled during {what}");
        Self::of(
            FailureKind::Cancelled,
            Problem {
                message,
                remedy: None,
            },
        )
    }

    /// Whether it may pass by itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, FailureKind::Transient | FailureKind::Locked)
    }

    /// The outcome of a run that ends with this failure.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            FailureKind::Cancelled => Outcome::Cancelled,
            FailureKind::Failed
            | FailureKind::Transient
            | FailureKind::Locked
            | FailureKind::Damaged
            | FailureKind::NoRepository => Outcome::Failed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        let problem = error.downcast::<Problem>().unwrap_or_else(|error| Problem {
            message: format!("{error:#}"),
            remedy: None,
        });
        Self::of(FailureKind::Failed, problem)
    }
}

/// What the process exits with after a run, restore or query.
#[must_use]
pub fn exit_status(outcome: Outcome, transient: bool) -> u8 {
    match outcome {
        Outcome::Success | Outcome::Skipped => 0,
        Outcome::Incomplete => 3,
        Outcome::Failed if transient => 75,
        Outcome::Failed => 1,
        Outcome::Cancelled => 130,
    }
}
