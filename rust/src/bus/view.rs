//! The properties of an instance.

use jiff::Timestamp;
use zbus::Variant;

use crate::base::outcome::Outcome;
use crate::client::status::Status;
use crate::systemd::timers::{RunActivity, TimerState};
use crate::watch::condition::ProblemKind;

/// Values of the properties. Unknown values are empty or 0; times are in microseconds since
/// 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) state: &'static str,
    pub(super) phase: String,
    pub(super) progress: f64,
    pub(super) healthy: bool,
    pub(super) problems: Vec<String>,
    pub(super) overdue: bool,
    pub(super) last_run_id: String,
    pub(super) last_outcome: &'static str,
    pub(super) last_error: String,
    pub(super) last_finished: u64,
    pub(super) last_cleanup_failed: bool,
    pub(super) last_success: u64,
    pub(super) last_snapshot: String,
    pub(super) last_bytes_added: u64,
    pub(super) timer: &'static str,
    pub(super) next_run: u64,
    pub(super) last_maintenance: &'static str,
    pub(super) next_maintenance: u64,
}

impl From<Status> for View {
    fn from(status: Status) -> Self {
        let last = status.last_run;
        Self {
            name: status.instance,
            provider: text(status.provider),
            state: match status.state {
                RunActivity::Idle => "idle",
                RunActivity::Running => "running",
                RunActivity::Retrying => "retrying",
                RunActivity::Unknown => "unknown",
            },
            phase: text(status.phase.unwrap_or_default()),
            progress: status.progress.map_or(0.0, |progress| progress.fraction),
            healthy: status.healthy,
            problems: status
                .problems
                .iter()
                .map(|finding| finding.kind.as_str().to_owned())
                .collect(),
            overdue: status.overdue == Some(true),
            last_outcome: status.outcome.map_or("", Outcome::as_str),
            last_error: status
                .problems
                .iter()
                .find(|finding| {
                    matches!(finding.kind, ProblemKind::Failed | ProblemKind::Incomplete)
                })
                .map(|finding| finding.problem.to_string())
                .or_else(|| last.as_ref()?.error.as_ref().map(ToString::to_string))
                .map(text)
                .unwrap_or_default(),
            last_finished: microseconds(last.as_ref().map(|last| last.finished)),
            last_cleanup_failed: status.cleanup_failed,
            last_run_id: last.map(|last| text(last.run_id)).unwrap_or_default(),
            last_success: microseconds(status.last_success),
            last_snapshot: text(status.last_snapshot.unwrap_or_default()),
            last_bytes_added: status.last_bytes_added.unwrap_or_default(),
            timer: match status.timer {
                TimerState::Waiting => "waiting",
                TimerState::Running => "running",
                TimerState::Elapsed => "elapsed",
                TimerState::Dead => "dead",
                TimerState::Masked => "masked",
                TimerState::Missing => "missing",
                TimerState::Unknown => "unknown",
            },
            next_run: microseconds(status.next_run),
            last_maintenance: status
                .last_maintenance
                .map_or("", |last| Outcome::as_str(last.outcome)),
            next_maintenance: microseconds(status.next_maintenance),
        }
    }
}

/// A text that may be sent: the bus disconnects whoever sends a NUL.
pub(super) fn text(text: impl Into<String>) -> String {
    let text = text.into();
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

impl View {
    /// Whether a backup or maintenance is running, or will be without anybody's doing.
    pub(super) fn is_running(&self) -> bool {
        ["running", "retrying"].contains(&self.state)
    }

    /// Properties that differ in `new`, by name.
    pub(super) fn changes(&self, new: &Self) -> Vec<(&'static str, Variant<'static>)> {
        self.properties()
            .into_iter()
            .zip(new.properties())
            .filter(|(old, new)| old != new)
            .map(|(_, new)| new)
            .collect()
    }

    fn properties(&self) -> Vec<(&'static str, Variant<'static>)> {
        let text = |text: &str| Variant::from(text.to_owned());
        vec![
            ("Provider", text(&self.provider)),
            ("State", text(self.state)),
            ("Phase", text(&self.phase)),
            ("Progress", self.progress.into()),
            ("Healthy", self.healthy.into()),
            ("Problems", self.problems.clone().into()),
            ("Overdue", self.overdue.into()),
            ("LastRunId", text(&self.last_run_id)),
            ("LastOutcome", text(self.last_outcome)),
            ("LastError", text(&self.last_error)),
            ("LastFinished", self.last_finished.into()),
            ("LastCleanupFailed", self.last_cleanup_failed.into()),
            ("LastSuccess", self.last_success.into()),
            ("LastSnapshot", text(&self.last_snapshot)),
            ("LastBytesAdded", self.last_bytes_added.into()),
            ("Timer", text(self.timer)),
            ("NextRun", self.next_run.into()),
            ("LastMaintenance", text(self.last_maintenance)),
            ("NextMaintenance", self.next_maintenance.into()),
        ]
    }
}

/// Microseconds since 1970, UTC; 0 for none, since D-Bus has no null.
pub(super) fn microseconds(time: Option<Timestamp>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_microsecond()).ok())
        .unwrap_or_default()
}
