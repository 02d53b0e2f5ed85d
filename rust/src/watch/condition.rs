//! Condition of an instance: the one model from which notifications, pings, metrics, `status`
//! and the D-Bus service take what they say.
//!
//! The monitor derives it at every scan, and keeps what must outlast the records. Others
//! derive it in the same way from what the monitor kept and from what they see now.

use jiff::Timestamp;
use serde::Serialize;

use super::clock;
use super::derive::{Derived, derive};
use super::events::InstanceState;
use super::model::Observation;
use super::store::Cursor;
use super::uptime::Uptime;
use crate::base::outcome::Outcome;
use crate::base::problem::Problem;
use crate::base::unit_names::{MAINTAIN, service, timer};
use crate::systemd::timers::RunActivity;

/// Seconds awake after which the monitor should have scanned: four scans.
const SILENT: f64 = 3600.0;

/// Kind of problem of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The last backup that says anything failed.
    Failed,
    /// Some of the data is not in the last snapshot.
    Incomplete,
    /// Something that was changed for the last backup could not be undone.
    CleanupFailed,
    /// No successful backup in time.
    Overdue,
    /// A check of the repository found errors, and none that read everything found none since.
    Damaged,
    /// The last maintenance, or a step of it, failed.
    MaintenanceFailed,
    /// No successful maintenance in time.
    MaintenanceOverdue,
    /// A file of the instance cannot be read.
    Unreadable,
    /// systemd cannot be reached.
    Unknown,
    /// The clock of the machine is wrong, or was.
    ClockWrong,
    /// The monitor does not run.
    Unmonitored,
}

impl ProblemKind {
    /// Every kind that the monitor can find; it never finds itself missing.
    pub const MONITORED: [Self; 10] = [
        Self::Failed,
        Self::Incomplete,
        Self::CleanupFailed,
        Self::Overdue,
        Self::Damaged,
        Self::MaintenanceFailed,
        Self::MaintenanceOverdue,
        Self::Unreadable,
        Self::Unknown,
        Self::ClockWrong,
    ];

    /// Name in files, metrics and on D-Bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::CleanupFailed => "cleanup-failed",
            Self::Overdue => "overdue",
            Self::Damaged => "damaged",
            Self::MaintenanceFailed => "maintenance-failed",
            Self::MaintenanceOverdue => "maintenance-overdue",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
            Self::ClockWrong => "clock-wrong",
            Self::Unmonitored => "unmonitored",
        }
    }
}

impl ProblemKind {
    /// The problem of an instance in a few words.
    #[must_use]
    pub fn title(self, instance: &str) -> String {
        match self {
            Self::Failed => format!("Backup of {instance} failed"),
            Self::Incomplete => format!("Backup of {instance} is incomplete"),
            Self::CleanupFailed => format!("Cleanup after the backup of {instance} failed"),
            Self::Overdue => format!("Backup of {instance} is overdue"),
            Self::Damaged => format!("Repository of {instance} is damaged"),
            Self::MaintenanceFailed => format!("Maintenance of {instance} failed"),
            Self::MaintenanceOverdue => format!("Maintenance of {instance} is overdue"),
            Self::Unreadable => format!("State of the backup of {instance} cannot be read"),
            Self::Unknown => format!("State of the backup of {instance} is not known"),
            Self::ClockWrong => "The clock of the machine is wrong".to_owned(),
            Self::Unmonitored => format!("Backup of {instance} is not monitored"),
        }
    }
}

/// A problem of an instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Kind.
    pub kind: ProblemKind,
    /// Description and remedy.
    #[serde(flatten)]
    pub problem: Problem,
}

/// Condition of an instance.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it is derived from.
    pub observed: Observation,
    /// What the monitor keeps of it.
    pub state: InstanceState,
    /// Whether it is overdue; none if nobody knows.
    pub overdue: Option<bool>,
    /// All problems, the gravest first.
    pub problems: Vec<Finding>,
}

impl Condition {
    /// Derives the condition at a scan, from the state at the last one. Returns it with what
    /// has changed.
    pub(super) fn at_scan(observed: Observation, mut state: InstanceState) -> (Self, Derived) {
        let derived = derive(&mut state, &observed);
        let overdue = Some(state.overdue).filter(|_| state.expected.is_some());
        (Self::new(observed, state, overdue), derived)
    }

    /// Derives the condition between two scans, from what the monitor kept at the last one.
    #[must_use]
    pub fn between_scans(
        mut observed: Observation,
        cursor: Option<&Cursor>,
        uptime: &Uptime,
    ) -> Self {
        let now = observed.now;
        let scanned = cursor.and_then(|cursor| cursor.scanned);
        observed.clock = clock::doubt(now, scanned);
        let kept = cursor.and_then(|cursor| cursor.instances.get(&observed.instance));
        let mut state = kept.cloned().unwrap_or_else(|| InstanceState::new(now));
        let silent = cursor.map_or(uptime.awake, |cursor| cursor.awake_since(uptime)) > SILENT;
        let _ = derive(&mut state, &observed);
        let overdue = match &state.expected {
            // It holds until a success, whether anybody scans or not.
            Some(_) if state.overdue => Some(true),
            Some(_) if !silent => Some(false),
            _ => None,
        };
        let mut condition = Self::new(observed, state, overdue);
        if silent {
            condition.problems.push(unmonitored(scanned));
        }
        condition
    }

    fn new(observed: Observation, state: InstanceState, overdue: Option<bool>) -> Self {
        let problems = problems(&observed, &state);
        Self {
            observed,
            state,
            overdue,
            problems,
        }
    }

    /// Whether nothing is wrong, as far as is known.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether there is a problem of this kind.
    #[must_use]
    pub fn has(&self, kind: ProblemKind) -> bool {
        self.problems.iter().any(|finding| finding.kind == kind)
    }

    /// End of the last success.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        super::deadline::last_success(&self.observed.runs, self.observed.now)
    }
}

fn problems(observed: &Observation, state: &InstanceState) -> Vec<Finding> {
    let name = &observed.instance;
    let unit = service(name, "");
    let mut all = Vec::new();
    let mut add = |kind, message: String, remedy: String| {
        let problem = Problem::new(message, remedy);
        all.push(Finding { kind, problem });
    };
    for reason in &observed.unreadable {
        let remedy = "what it says is not known until it is replaced or removed";
        add(ProblemKind::Unreadable, reason.clone(), remedy.to_owned());
    }
    if observed.activity == RunActivity::Unknown || observed.maintaining == RunActivity::Unknown {
        let message = "systemd cannot be reached, so whether a run failed is not known";
        let remedy = "see `systemctl status dbus.service`";
        add(ProblemKind::Unknown, message.to_owned(), remedy.to_owned());
    }
    if let Some(doubt) = &observed.clock {
        let remedy = "correct it, see `timedatectl`".to_owned();
        add(ProblemKind::ClockWrong, doubt.clone(), remedy);
    }
    if let Some(outcome) = state.failing {
        let mut runs = observed.runs.iter().rev();
        let record = runs.find(|run| run.outcome == outcome);
        let key = state.last_run.as_ref().map(|key| key.finished);
        let record = record.filter(|run| Some(run.finished) <= key && state.crash.is_none());
        let problem = record.and_then(|run| run.error.clone());
        let crash = state.crash.as_deref().unwrap_or("no cause was recorded");
        let problem = problem.unwrap_or_else(|| {
            Problem::without_remedy(format!("the last run of {unit} failed: {crash}"))
        });
        let kind = match outcome {
            Outcome::Incomplete => ProblemKind::Incomplete,
            _ => ProblemKind::Failed,
        };
        let remedy = problem.remedy;
        let remedy = remedy.unwrap_or_else(|| format!("see `journalctl -xu {unit}`"));
        add(kind, problem.message, remedy);
    }
    if state.cleanup_failed {
        let message = "units stopped for the last backup may still be down".to_owned();
        let remedy = "retry the cleanup: `systemctl start backupservice-recover.service`";
        add(ProblemKind::CleanupFailed, message, remedy.to_owned());
    }
    if state.overdue {
        let message = "no backup has succeeded in time".to_owned();
        let remedy = format!("see `systemctl status {}`", timer(name, ""));
        add(ProblemKind::Overdue, message, remedy);
    }
    let maintain = service(name, MAINTAIN);
    if observed.results.is_damaged() {
        let message = "a check of the repository found damage".to_owned();
        let remedy = format!(
            "see `journalctl -xu {maintain}`; once it is repaired, `backupservice check {name} --read-all` proves it"
        );
        add(ProblemKind::Damaged, message, remedy);
    }
    if state.maintenance_failing {
        let record = observed.maintenance.as_ref();
        let problem = record.and_then(|record| record.error.clone());
        let message = problem.map_or_else(
            || format!("the last run of {maintain}, or a step of it, failed"),
            |problem| problem.message,
        );
        let remedy = format!("see `journalctl -xu {maintain}`");
        add(ProblemKind::MaintenanceFailed, message, remedy);
    }
    if state.maintenance_overdue {
        let message = "no maintenance has done all it is for in time".to_owned();
        let remedy = format!("start it: `backupservice maintain {name}`");
        add(ProblemKind::MaintenanceOverdue, message, remedy);
    }
    all
}

fn unmonitored(scanned: Option<Timestamp>) -> Finding {
    let since = scanned.map_or_else(
        || "the monitor has never looked at it".to_owned(),
        |then| format!("the monitor has not looked at it since {then:.0}"),
    );
    let message = format!("{since}: whether it is overdue is not known, and nobody is notified");
    let units = "backupservice-watch.timer backupservice-watch.service";
    Finding {
        kind: ProblemKind::Unmonitored,
        problem: Problem::new(message, format!("see `systemctl status {units}`")),
    }
}
