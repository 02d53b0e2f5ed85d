//! The result of a unit, from the environment of its `ExecStopPost=`.

use crate::base::outcome::Outcome;
use crate::base::problem::Problem;

/// The result of a unit, from the environment of its `ExecStopPost=`.
#[derive(Clone, Debug, Default)]
pub struct ServiceResult {
    /// `INVOCATION_ID`; `None` in `backupservice-recover.service`.
    pub invocation: Option<String>,
    /// `SERVICE_RESULT`: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, …
    pub result: Option<String>,
    /// `EXIT_CODE`: `exited`, `killed`, `dumped`.
    pub code: Option<String>,
    /// `EXIT_STATUS`: a number, or the name of a signal without `SIG`.
    pub status: Option<String>,
}

impl ServiceResult {
    /// Reads the environment of this process.
    #[must_use]
    pub fn current() -> Self {
        let variable = |name| std::env::var(name).ok();
        let result = variable("SERVICE_RESULT");
        Self {
            // At boot the id is that of the recovering unit itself.
            invocation: result.as_ref().and_then(|_| variable("INVOCATION_ID")),
            result,
            code: variable("EXIT_CODE"),
            status: variable("EXIT_STATUS"),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.status.as_deref() {
            Some("TERM" | "INT" | "HUP") => Outcome::Cancelled,
            _ => Outcome::Failed,
        }
    }

    pub(crate) fn problem(&self, phase: Option<&str>) -> Problem {
        let status = self.status.as_deref().unwrap_or("unknown");
        let phase = phase.map_or(String::new(), |phase| format!(" in phase {phase}"));
        let early = status
            .parse()
            .is_ok_and(|status: u32| (200..=245).contains(&status));
        let (message, remedy) = match (self.result.as_deref(), self.code.as_deref()) {
            (None, _) => (
                format!("the run was interrupted{phase}, as when the machine goes down"),
                "start the backup again",
            ),
            (Some("timeout"), _) => (
                format!("the executor exceeded a time limit and was killed{phase}"),
                "raise the unit's time limits, or find what takes so long",
            ),
            (Some("oom-kill"), _) => (
                format!("the executor was killed because memory ran out{phase}"),
                "give the machine or the unit more memory",
            ),
            (_, Some("killed" | "dumped")) => (
                format!("the executor was killed by SIG{status}{phase}"),
                "start the backup again; the journal may show who killed it",
            ),
            (_, Some("exited")) if early => (
                format!("systemd could not start the executor (exit status {status})"),
                "read the unit's messages in the journal",
            ),
            _ => (
                format!("the executor exited with status {status} and left no record{phase}"),
                "read the unit's messages in the journal",
            ),
        };
        Problem::new(message, remedy)
    }
}
