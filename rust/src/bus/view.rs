//! The properties of an instance.

use jiff::Timestamp;
use zbus::Variant;

use crate::base::outcome::Outcome;
use crate::client::status::Status;
use crate::systemd::timers::{RunActivity, TimerState};

/// Values of the properties. Unknown values are empty or 0; times are in microseconds since
/// 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) state: &'static str,
    pub(super) phase: String,
    pub(super) progress: f64,
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
            provider: status.provider,
            state: match status.state {
                RunActivity::Idle => "idle",
                RunActivity::Running => "running",
                RunActivity::Unknown => "unknown",
            },
            phase: status.phase.unwrap_or_default(),
            progress: status.progress.map_or(0.0, |progress| progress.fraction),
            last_outcome: last.as_ref().map_or("", |last| last.outcome.as_str()),
            last_error: last
                .as_ref()
                .and_then(|last| last.error.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
            last_finished: microseconds(last.as_ref().map(|last| last.finished)),
            last_cleanup_failed: last.as_ref().is_some_and(|last| last.cleanup_failed),
            last_run_id: last.map(|last| last.run_id).unwrap_or_default(),
            last_success: microseconds(status.last_success),
            last_snapshot: status.last_snapshot.unwrap_or_default(),
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

impl View {
    /// Whether a backup or maintenance is running.
    pub(super) fn is_running(&self) -> bool {
        self.state == "running"
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
