//! Outcomes of runs, kinds of failure, and exit statuses.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::problem::Problem;

/// Outcome of a run. Cleanup is separate: see [`crate::report::record::Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The snapshot contains everything that the contract lists.
    Success,
    /// A snapshot was created, but some of the data is not in it.
    Incomplete,
    /// Nothing was done, on purpose.
    Skipped,
    /// No usable snapshot was created.
    Failed,
    /// The run was stopped on request.
    Cancelled,
}

impl Outcome {
    /// Every outcome.
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

/// Failure of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind, which decides how the run continues.
    pub kind: FailureKind,
    /// Message and remedy for the user.
    pub problem: Problem,
}

/// Kinds of failure, each handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Permanent: needs somebody to act.
    Failed,
    /// Transient: may succeed when tried again later.
    Transient,
    /// The provider reports that the repository is locked: transient, unless the lock is
    /// stale.
    Locked,
    /// The provider reports damaged data.
    Damaged,
    /// The provider reports that there is no repository yet.
    NoRepository,
    /// The provider reports that the password does not open the repository.
    WrongPassword,
    /// The run was stopped on request.
    Cancelled,
}

impl Failure {
    /// A permanent failure.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(FailureKind::Failed, Problem::new(message, remedy))
    }

    /// A failure of the given kind.
    #[must_use]
    pub fn of(kind: FailureKind, problem: Problem) -> Self {
        Self { kind, problem }
    }

    /// A run that was stopped on request during `what`.
    #[must_use]
    pub fn cancelled(what: &str) -> Self {
        Self::of(
            FailureKind::Cancelled,
            Problem::without_remedy(format!("cancelled during {what}")),
        )
    }

    /// Whether the step may succeed when tried again later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, FailureKind::Transient | FailureKind::Locked)
    }

    /// Outcome of a run that ends with this failure.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            FailureKind::Cancelled => Outcome::Cancelled,
            FailureKind::Failed
            | FailureKind::Transient
            | FailureKind::Locked
            | FailureKind::Damaged
            | FailureKind::NoRepository
            | FailureKind::WrongPassword => Outcome::Failed,
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
        let problem = error
            .downcast::<Problem>()
            .unwrap_or_else(|error| Problem::without_remedy(format!("{error:#}")));
        Self::of(FailureKind::Failed, problem)
    }
}

/// Exit status of the process after a run, restore or query.
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
