//! Texts of events: title, description and remedy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::deadline::{DeadlineStatus, NextElapse};
use super::events::{Event, EventKind, Matter};
use super::model::{NewEvent, Observation};
use super::system::UnitState;
use crate::base::outcome::Outcome;
use crate::base::problem::Problem;
use crate::base::unit_names;
use crate::base::unit_names::MAINTAIN;
use crate::report::maintenance::{LastResults, MaintenanceRecord};
use crate::report::record::Record;
use crate::systemd::Crash;

/// Number of lines of a summary.
const SUMMARISED: usize = 20;

/// Event of a run that wrote a record.
pub(super) fn run(kind: EventKind, record: &Record) -> NewEvent {
    let name = &record.instance;
    let (title, problem) = match kind {
        EventKind::Failed => (format!("Backup of {name} failed"), cause(record)),
        EventKind::Incomplete => (format!("Backup of {name} is incomplete"), cause(record)),
        EventKind::CleanupFailed => (
            format!("Cleanup after the backup of {name} failed"),
            Problem::new(
                "Units stopped for the backup may still be down, or afterBackup hooks did not run",
                "Read the journal, then retry the cleanup: `systemctl start \
                 backupservice-recover.service`",
            ),
        ),
        EventKind::CleanedUp => (
            format!("Cleanup after the backup of {name} works again"),
            Problem::without_remedy(record.to_string()),
        ),
        _ => (
            format!("Backup of {name} works again"),
            Problem::without_remedy(record.to_string()),
        ),
    };
    NewEvent {
        kind,
        problem,
        title,
        details_command: invocation(&record.run_id),
        record: json(record),
    }
}

/// Event of a maintenance that wrote a record.
pub(super) fn maintenance(
    kind: EventKind,
    record: &MaintenanceRecord,
    results: &LastResults,
) -> NewEvent {
    let name = &record.instance;
    let title = match kind {
        EventKind::MaintenanceRecovered => format!("Maintenance of {name} works again"),
        _ if results.is_damaged() => format!("Repository of {name} is damaged"),
        _ => format!("Maintenance of {name} failed"),
    };
    let summary = || Problem::without_remedy(record.to_string());
    NewEvent {
        kind,
        problem: record.error.clone().unwrap_or_else(summary),
        title,
        details_command: invocation(&record.run_id),
        record: json(record),
    }
}

/// Event of a unit that failed without writing a record.
pub(super) fn crash(kind: EventKind, instance: &str, crash: &Crash) -> NewEvent {
    let (what, suffix) = match kind {
        EventKind::MaintenanceFailed => ("Maintenance", MAINTAIN),
        _ => ("Backup", ""),
    };
    let unit = unit_names::service(instance, suffix);
    NewEvent {
        kind,
        title: format!("{what} of {instance} failed"),
        problem: Problem::new(
            format!(
                "{unit} failed before it could write a record: {}",
                crash.cause
            ),
            format!("See `systemctl status {unit}`"),
        ),
        details_command: format!("journalctl -u {unit}"),
        record: None,
    }
}

/// Event of a backup that is overdue, or no longer overdue.
pub(super) fn deadline(
    kind: EventKind,
    observed: &Observation,
    deadline_status: &DeadlineStatus,
) -> NewEvent {
    let name = &observed.instance;
    let unit = format!("backupservice-{name}");
    let (title, problem) = if kind == EventKind::InTime {
        let message = match deadline_status.due {
            NextElapse::At(due) => {
                format!("The next backup is due at {}", time(due, &observed.zone))
            }
            _ => "No further backup is scheduled".to_owned(),
        };
        let title = format!("Backup of {name} is no longer overdue");
        (title, Problem::without_remedy(message))
    } else {
        let since = deadline_status.last_success.map_or_else(
            || "No backup has succeeded yet".to_owned(),
            |then| {
                format!(
                    "The last successful backup was at {}",
                    time(then, &observed.zone)
                )
            },
        );
        let due = match deadline_status.due {
            NextElapse::At(due) => {
                format!("; the next one was due at {}", time(due, &observed.zone))
            }
            _ => String::new(),
        };
        let (why, remedy) = why(observed, deadline_status);
        let problem = Problem::new(format!("{since}{due}. {why}"), remedy);
        (format!("Backup of {name} is overdue"), problem)
    };
    NewEvent {
        kind,
        problem,
        title,
        details_command: format!("systemctl status {unit}.timer; journalctl -u {unit}.service"),
        record: observed.runs.last().and_then(json),
    }
}

/// Stands for events that were found, but are not in the files of the monitor any more.
pub(super) fn lost(id: u64, time: Timestamp) -> Event {
    Event {
        id,
        time,
        kind: EventKind::Unknown,
        instance: String::new(),
        title: "Notifications about backups were lost".to_owned(),
        message: "A file of the monitor was damaged before everything in it was sent".to_owned(),
        remedy: Some("See the state of all backups with `backupservice status`".to_owned()),
        details_command: "journalctl -u backupservice-watch.service".to_owned(),
        record: None,
    }
}

/// One event in place of many, oldest first.
pub(super) fn summary(events: &[Event]) -> Event {
    // The last one about each matter, and those first that are problems.
    let mut last: BTreeMap<(&str, Matter), &Event> = BTreeMap::new();
    for event in events {
        for matter in event.kind.matters() {
            last.insert((&event.instance, *matter), event);
        }
    }
    let mut last: Vec<&Event> = last.into_values().collect();
    last.sort_by_key(|event| (event.kind.is_good(), event.id));
    last.dedup_by_key(|event| event.id);
    let mut lines: Vec<String> = last
        .iter()
        .take(SUMMARISED)
        .map(|event| event.title.clone())
        .collect();
    if last.len() > SUMMARISED {
        lines.push(format!("and {} more", last.len() - SUMMARISED));
    }
    let newest = events.last();
    Event {
        id: newest.map_or(0, |event| event.id),
        time: newest.map_or(Timestamp::UNIX_EPOCH, |event| event.time),
        kind: EventKind::Summary,
        instance: String::new(),
        title: format!("{} events about backups", events.len()),
        message: lines.join("\n"),
        remedy: None,
        details_command: "backupservice status".to_owned(),
        record: None,
    }
}

/// Event of a maintenance that is overdue, or no longer overdue.
pub(super) fn maintenance_deadline(
    kind: EventKind,
    observed: &Observation,
    status: &DeadlineStatus,
) -> NewEvent {
    let name = &observed.instance;
    let unit = unit_names::service(name, MAINTAIN);
    let last = status.last_success.map_or_else(
        || "No maintenance has succeeded yet".to_owned(),
        |then| {
            let then = time(then, &observed.zone);
            format!("The last maintenance that did everything was at {then}")
        },
    );
    let (title, problem) = if kind == EventKind::MaintenanceRecovered {
        let problem = Problem::without_remedy(last);
        (
            format!("Maintenance of {name} is no longer overdue"),
            problem,
        )
    } else {
        let problem = Problem::new(
            format!("{last}. Old snapshots are not forgotten, and the repository is not checked"),
            format!(
                "See `systemctl status {}` for its timer, and start it with `backupservice \
                 maintain {name}`",
                unit_names::timer(name, MAINTAIN)
            ),
        );
        (format!("Maintenance of {name} is overdue"), problem)
    };
    NewEvent {
        kind,
        problem,
        title,
        details_command: format!("journalctl -u {unit}"),
        record: observed.maintenance.as_ref().and_then(json),
    }
}

/// Event of files that cannot be read, or can be read again.
pub(super) fn unreadable(observed: &Observation) -> NewEvent {
    let name = &observed.instance;
    let (kind, title, problem) = match observed.unreadable.first() {
        Some(reason) => (
            EventKind::Unreadable,
            format!("State of the backup of {name} cannot be read"),
            Problem::new(
                reason,
                "Check the disk. Without the file, what it says is not known; a new one is \
                 written by the next run",
            ),
        ),
        None => (
            EventKind::Readable,
            format!("State of the backup of {name} can be read again"),
            Problem::without_remedy("All files of the instance can be read".to_owned()),
        ),
    };
    NewEvent {
        kind,
        problem,
        title,
        details_command: format!("backupservice status {name}"),
        record: None,
    }
}

/// Event of a clock that is wrong, or is no longer seen to be.
pub(super) fn clock(doubt: Option<&str>) -> NewEvent {
    let (kind, title, problem) = match doubt {
        Some(doubt) => (
            EventKind::ClockWrong,
            "The clock of the machine is wrong",
            Problem::new(
                format!(
                    "{doubt}. While it is, overdue backups are not noticed, and nothing is \
                     forgotten"
                ),
                "Correct it, see `timedatectl`",
            ),
        ),
        None => (
            EventKind::ClockRight,
            "The clock of the machine is no longer wrong",
            Problem::without_remedy("It agrees with the time of the last scan".to_owned()),
        ),
    };
    NewEvent {
        kind,
        problem,
        title: title.to_owned(),
        details_command: "timedatectl".to_owned(),
        record: None,
    }
}

/// Cause and remedy of an overdue backup.
fn why(observed: &Observation, deadline_status: &DeadlineStatus) -> (String, String) {
    let unit = format!("backupservice-{}", observed.instance);
    let timer = format!("{unit}.timer");
    if deadline_status.due == NextElapse::Invalid {
        return (
            "systemd rejects its schedule".to_owned(),
            format!(
                "Correct backupservice.instances.{}.schedule, and check it with \
                 `systemd-analyze calendar`",
                observed.instance
            ),
        );
    }
    if let Some(wrong) = observed
        .timer
        .as_ref()
        .and_then(|state| of_timer(&timer, state))
    {
        return wrong;
    }
    if observed.activity.is_busy() {
        return (
            "A run is in progress, and takes too long".to_owned(),
            format!(
                "See its current phase with `backupservice status {}`",
                observed.instance
            ),
        );
    }
    let due = match deadline_status.due {
        NextElapse::At(due) => due,
        _ => observed.now,
    };
    match observed.runs.last().filter(|run| run.finished >= due) {
        Some(run) if run.outcome == Outcome::Skipped => (
            "The last run was skipped".to_owned(),
            format!("Run it now: `systemctl start {unit}.service`"),
        ),
        Some(run) => {
            let Problem {
                message, remedy, ..
            } = cause(run);
            let outcome = run.outcome.as_str();
            (
                format!("The outcome of the last run was {outcome}: {message}"),
                remedy.unwrap_or_else(|| format!("Run it now: `systemctl start {unit}.service`")),
            )
        }
        None => (
            "Its timer is active, but no run has finished since".to_owned(),
            format!("Run it now: `systemctl start {unit}.service`"),
        ),
    }
}

/// Problem of a timer, if it has one.
fn of_timer(timer: &str, state: &UnitState) -> Option<(String, String)> {
    let start = format!("Start it: `systemctl start {timer}`");
    Some(match (state.load.as_str(), state.active.as_str()) {
        ("masked", _) => (
            format!("{timer} is masked"),
            format!(
                "Remove `systemd.timers.{}.enable = false` from the configuration; or, if it was \
                 masked by hand: `systemctl unmask --runtime {timer} && systemctl start {timer}`",
                timer.trim_end_matches(".timer")
            ),
        ),
        ("not-found", _) => (
            format!("{timer} does not exist"),
            "Activate the configuration again: `nixos-rebuild switch`".to_owned(),
        ),
        ("loaded", "active") if state.sub != "elapsed" => return None,
        ("loaded", "active") => (
            format!("{timer} has elapsed and will not elapse again"),
            format!("Correct its schedule, then `systemctl restart {timer}`"),
        ),
        ("loaded", "failed") => (
            format!("{timer} has failed"),
            format!("See `systemctl status {timer}` for the cause. {start}"),
        ),
        ("loaded", _) if state.disabled => (
            format!("{timer} is disabled and inactive"),
            format!("Start it now and at boot: `systemctl enable --now {timer}`"),
        ),
        ("loaded", _) => (format!("{timer} is stopped"), start),
        (load, _) => (
            format!("{timer} cannot be loaded: systemd reports `{load}`"),
            format!("See `systemctl status {timer}` for the cause"),
        ),
    })
}

/// Cause and remedy of a run that did not succeed.
fn cause(record: &Record) -> Problem {
    record
        .error
        .clone()
        .unwrap_or_else(|| Problem::without_remedy("no cause was recorded"))
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
