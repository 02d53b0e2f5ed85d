//! What is said about what happened: what, why, and what to do.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::deadline::{DeadlineStatus, Next};
use super::events::EventKind;
use super::model::{NewEvent, Observation};
use super::system::{Crash, UnitState};
use crate::base::outcome::Outcome;
use crate::base::problem::Problem;
use crate::base::unit_names;
use crate::base::unit_names::MAINTAIN;
use crate::report::maintenance::{CheckResult, MaintenanceRecord};
use crate::report::record::Record;

/// About a run that left a record.
pub(super) fn run(kind: EventKind, record: &Record) -> NewEvent {
    let name = &record.instance;
    let (title, problem) = match kind {
        EventKind::Failed => (format!("Backup of {name} failed"), cause(record)),
        EventKind::Incomplete => (format!("Backup of {name} is incomplete"), cause(record)),
        EventKind::CleanupFailed => (
            format!("After the backup of {name} not everything could be put back"),
            Problem::new(
                "Units that were stopped for it may still be down, or hooks after it did not run",
                "Look at the journal, and start what is down: `systemctl start \
                 backupservice-recover.service` tries once more",
            ),
        ),
        _ => (
            format!("Backup of {name} works again"),
            Problem {
                message: record.to_string(),
                remedy: None,
            },
        ),
    };
    NewEvent {
        kind,
        problem,
        title,
        look: invocation(&record.run_id),
        record: json(record),
    }
}

/// About a maintenance that left a record.
pub(super) fn maintenance(kind: EventKind, record: &MaintenanceRecord) -> NewEvent {
    let name = &record.instance;
    let title = match (kind, record.done.check) {
        (EventKind::MaintenanceRecovered, _) => {
            format!("Maintenance of the backups of {name} works again")
        }
        (_, Some(CheckResult::Damaged)) => format!("The backups of {name} are damaged"),
        _ => format!("Maintenance of the backups of {name} failed"),
    };
    let told = || Problem {
        message: record.to_string(),
        remedy: None,
    };
    NewEvent {
        kind,
        problem: record.error.clone().unwrap_or_else(told),
        title,
        look: invocation(&record.run_id),
        record: json(record),
    }
}

/// About a unit that could not even write a record.
pub(super) fn crash(kind: EventKind, instance: &str, crash: &Crash) -> NewEvent {
    let (what, suffix) = match kind {
        EventKind::MaintenanceFailed => ("Maintenance of the backups", MAINTAIN),
        _ => ("Backup", ""),
    };
    let unit = unit_names::service(instance, suffix);
    NewEvent {
        kind,
        title: format!("{what} of {instance} failed"),
        problem: Problem::new(
            format!(
                "{unit} did not get as far as writing a record: {}",
                crash.how
            ),
            format!("`systemctl status {unit}` tells more"),
        ),
        look: format!("journalctl -u {unit}"),
        record: None,
    }
}

/// About a backup that was not made in time, or is in time again.
pub(super) fn deadline(
    kind: EventKind,
    facts: &Observation<'_>,
    judged: &DeadlineStatus,
) -> NewEvent {
    let name = facts.instance;
    let unit = format!("backupservice-{name}");
    let (title, problem) = if kind == EventKind::InTime {
        let message = match judged.due {
            Next::At(due) => format!("The next one is due at {}", time(due, facts.zone)),
            _ => "None is due any more".to_owned(),
        };
        let title = format!("Backup of {name} is not overdue any more");
        (
            title,
            Problem {
                message,
                remedy: None,
            },
        )
    } else {
        let since = judged.last_success.map_or_else(
            || "There was no success yet".to_owned(),
            |then| format!("The last success was at {}", time(then, facts.zone)),
        );
        let due = match judged.due {
            Next::At(due) => format!(", and the next one was due at {}", time(due, facts.zone)),
            _ => String::new(),
        };
        let (why, remedy) = why(facts, judged);
        let problem = Problem::new(format!("{since}{due}. {why}"), remedy);
        (format!("Backup of {name} is overdue"), problem)
    };
    NewEvent {
        kind,
        problem,
        title,
        look: format!("systemctl status {unit}.timer; journalctl -u {unit}.service"),
        record: facts.runs.last().and_then(json),
    }
}

/// Why there was no success, and what to do.
fn why(facts: &Observation<'_>, judged: &DeadlineStatus) -> (String, String) {
    let unit = format!("backupservice-{}", facts.instance);
    let timer = format!("{unit}.timer");
    if judged.due == Next::Unreadable {
        return (
            "systemd does not understand its schedule".to_owned(),
            format!(
                "Correct backupservice.instances.{}.schedule; `systemd-analyze calendar` explains it",
                facts.instance
            ),
        );
    }
    if let Some(wrong) = facts.timer.and_then(|state| of_timer(&timer, state)) {
        return wrong;
    }
    if facts.running {
        return (
            "A run is under way, and has been for too long".to_owned(),
            format!(
                "`backupservice status {}` shows what it does",
                facts.instance
            ),
        );
    }
    let due = match judged.due {
        Next::At(due) => due,
        _ => facts.now,
    };
    match facts.runs.last().filter(|run| run.finished >= due) {
        Some(run) if run.outcome == Outcome::Skipped => (
            "The last run was skipped".to_owned(),
            format!("Run it now: `systemctl start {unit}.service`"),
        ),
        Some(run) => {
            let Problem { message, remedy } = cause(run);
            let how = run.outcome.as_str();
            (
                format!("The last run ended as {how}: {message}"),
                remedy.unwrap_or_else(|| format!("Run it now: `systemctl start {unit}.service`")),
            )
        }
        None => (
            "Its timer waits for the next time, but no run has ended since".to_owned(),
            format!("Run it now: `systemctl start {unit}.service`"),
        ),
    }
}

/// What is wrong with a timer, if something is.
fn of_timer(timer: &str, state: &UnitState) -> Option<(String, String)> {
    let start = format!("Start it: `systemctl start {timer}`");
    Some(match (state.load.as_str(), state.active.as_str()) {
        ("masked", _) => (
            format!("{timer} is masked"),
            format!(
                "Take `systemd.timers.{}.enable = false` out of the configuration; or, where it \
                 was masked by hand: `systemctl unmask --runtime {timer} && systemctl start {timer}`",
                timer.trim_end_matches(".timer")
            ),
        ),
        ("not-found", _) => (
            format!("{timer} does not exist"),
            "Switch to the system's configuration again: `nixos-rebuild switch`".to_owned(),
        ),
        ("loaded", "active") if state.sub != "elapsed" => return None,
        ("loaded", "active") => (
            format!("{timer} has elapsed and will not elapse again"),
            format!("Look at its schedule, and `systemctl restart {timer}`"),
        ),
        ("loaded", "failed") => (
            format!("{timer} has failed"),
            format!("`systemctl status {timer}` tells why. {start}"),
        ),
        ("loaded", _) if state.disabled => (
            format!("{timer} is disabled and does not run"),
            format!("Start it, now and at each boot: `systemctl enable --now {timer}`"),
        ),
        ("loaded", _) => (format!("{timer} is stopped"), start),
        (load, _) => (
            format!("{timer} cannot be used: systemd says {load}"),
            format!("`systemctl status {timer}` tells why"),
        ),
    })
}

/// Why a run is no success.
fn cause(record: &Record) -> Problem {
    record.error.clone().unwrap_or_else(|| Problem {
        message: "no reason was recorded".to_owned(),
        remedy: None,
    })
}

fn invocation(id: &str) -> String {
    format!("journalctl _SYSTEMD_INVOCATION_ID={id}")
}

fn time(then: Timestamp, zone: &TimeZone) -> String {
    let then = then.to_zoned(zone.clone());
    then.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn json(record: &impl Serialize) -> Option<serde_json::Value> {
    serde_json::to_value(record).ok()
}
