//! Text output of `status`.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::Status;
use super::layout::{Cell, align};
use crate::base::measure::size;
use crate::base::outcome::Outcome;
use crate::base::printable::printable;
use crate::base::problem::Problem;
use crate::client::terminal::{Style, Terminal};
use crate::report::record::{Phase, Record};
use crate::systemd::timers::{RunActivity, TimerState};
use crate::watch::condition::ProblemKind;
use crate::watch::store::Failing;

/// Number of runs shown in the status of one instance.
const SHOWN_RUNS: usize = 10;
/// Columns left out on a narrow terminal, in this order.
const DISPENSABLE: [&str; 5] = [
    "LAST SNAPSHOT",
    "PROVIDER",
    "MAINTENANCE",
    "ADDED",
    "NEXT RUN",
];

/// Table with one line per instance.
pub(super) fn table(all: &[Status], now: &Zoned, terminal: Terminal) -> String {
    if all.is_empty() {
        return "No instances. Define one in backupservice.instances.\n".to_owned();
    }
    let head = [
        "INSTANCE",
        "PROVIDER",
        "STATE",
        "LAST RUN",
        "LAST SUCCESS",
        "NEXT RUN",
        "LAST SNAPSHOT",
        "ADDED",
        "MAINTENANCE",
    ];
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            [
                one.instance.as_str().into(),
                one.provider.as_str().into(),
                state(one),
                last_outcome(one),
                last_success(one, now),
                next_run(one, now),
                snapshot(one.last_snapshot.as_deref()),
                added(one.last_bytes_added),
                maintenance(one, now),
            ]
        })
        .collect();
    align(head, &rows, &DISPENSABLE, terminal).join("\n") + "\n"
}

/// One line per problem that no column shows, and once if all instances have it.
pub(super) fn problems(all: &[Status], terminal: Terminal) -> String {
    const ELSEWHERE: [ProblemKind; 5] = [
        ProblemKind::Failed,
        ProblemKind::Incomplete,
        ProblemKind::CleanupFailed,
        ProblemKind::Overdue,
        ProblemKind::Damaged,
    ];
    let mut text = String::new();
    let mut said: Vec<&Problem> = Vec::new();
    for one in all {
        let findings = one.problems.iter();
        for finding in findings.filter(|finding| !ELSEWHERE.contains(&finding.kind)) {
            let problem = &finding.problem;
            let everywhere = |one: &Status| one.problems.contains(finding);
            let line = if all.len() > 1 && all.iter().all(everywhere) {
                if said.contains(&problem) {
                    continue;
                }
                format!("all instances: {problem}")
            } else {
                format!("{}: {problem}", one.instance)
            };
            said.push(problem);
            let _ = writeln!(text, "{}", terminal.paint(Style::Bad, &printable(&line)));
        }
    }
    text
}

/// One line per failing notification channel.
pub(super) fn failing(failing: &[(String, Failing)], now: &Zoned, terminal: Terminal) -> String {
    let mut text = String::new();
    for (channel, Failing { since, error }) in failing {
        let line = format!(
            "cannot send notifications via {} (first failure {}): {}",
            printable(channel),
            age(*since, now),
            printable(error)
        );
        let _ = writeln!(text, "{}", terminal.paint(Style::Bad, &line));
    }
    text
}

/// Status of one instance with its last runs, newest first.
pub(super) fn details(one: &Status, now: &Zoned, terminal: Terminal) -> String {
    let state = state(one).paint(terminal);
    let mut text = format!("{} ({}): {state}\n", one.instance, one.provider);
    let success = last_success(one, now).paint(terminal);
    let _ = writeln!(text, "last success: {success}");
    let _ = writeln!(text, "next run: {}", next_run(one, now).paint(terminal));
    for finding in &one.problems {
        let line = format!("problem: {}", printable(&finding.problem.to_string()));
        let _ = writeln!(text, "{}", terminal.paint(Style::Bad, &line));
    }
    if let Some(last) = &one.last_maintenance {
        let text_of = printable(&last.to_string());
        let _ = writeln!(text, "{text_of} ({})", age(last.finished, now));
    }
    let history = one.history.as_deref().unwrap_or_default();
    let newest: Vec<_> = match (history, &one.last_run) {
        ([], Some(last)) => vec![last],
        _ => history.iter().rev().take(SHOWN_RUNS).collect(),
    };
    if newest.is_empty() {
        return text;
    }
    let head = ["STARTED", "OUTCOME", "TOOK", "SNAPSHOT", "ADDED"];
    let row = |record: &&Record| {
        let started = record.started.to_zoned(now.time_zone().clone());
        let took = record.finished.duration_since(record.started);
        [
            started.strftime("%Y-%m-%d %H:%M:%S %Z").to_string().into(),
            outcome(record),
            duration(took.as_secs_f64()).into(),
            snapshot(record.snapshot.as_deref()),
            added(record.totals.map(|totals| totals.bytes_added)),
        ]
    };
    let rows: Vec<_> = newest.iter().map(row).collect();
    let aligned = align(head, &rows, &["ADDED", "SNAPSHOT"], terminal);
    let mut lines = aligned.iter();
    let _ = writeln!(text, "\n{}", lines.next().map_or("", String::as_str));
    for (line, record) in lines.zip(newest) {
        let _ = writeln!(text, "{line}");
        if !record.phases.is_empty() {
            let phases: Vec<_> = record.phases.iter().map(phase).collect();
            let _ = writeln!(text, "  {}", phases.join(", "));
        }
        if let Some(problem) = &record.error {
            let problem = printable(&problem.to_string());
            let _ = writeln!(text, "  {}", terminal.paint(style(record), &problem));
        }
        let journal = journal(&record.run_id);
        let _ = writeln!(text, "  {}", terminal.paint(Style::Faint, &journal));
    }
    text
}

/// Command that shows all messages of a run: its own, and those of systemd about it.
fn journal(run_id: &str) -> String {
    let id = printable(run_id);
    format!("journalctl _SYSTEMD_INVOCATION_ID={id} + INVOCATION_ID={id}")
}

fn last_success(one: &Status, now: &Zoned) -> Cell {
    let age = one.last_success.map(|then| age(then, now));
    match (age, one.overdue) {
        (age, Some(true)) => {
            let age = age.unwrap_or_else(|| "never".to_owned());
            Cell::new(Style::Bad, format!("{age}, overdue"))
        }
        (Some(age), _) => age.into(),
        (None, _) if is_unreadable(one) => Cell::new(Style::Bad, "unknown"),
        (None, _) => Cell::new(Style::Odd, "never"),
    }
}

fn next_run(one: &Status, now: &Zoned) -> Cell {
    match (one.timer, one.next_run) {
        (TimerState::Waiting, Some(next)) => until(next, now).into(),
        (TimerState::Running, _) => "after this run".into(),
        (TimerState::Waiting | TimerState::Unknown, _) => Cell::new(Style::Odd, "unknown"),
        (TimerState::Elapsed, _) => Cell::new(Style::Bad, "never, timer elapsed"),
        (TimerState::Dead, _) => Cell::new(Style::Bad, "never, timer dead"),
        (TimerState::Masked, _) => Cell::new(Style::Bad, "never, timer masked"),
        (TimerState::Missing, _) => Cell::new(Style::Bad, "never, no timer"),
    }
}

/// Whether something about the instance could not be read.
fn is_unreadable(one: &Status) -> bool {
    let mut findings = one.problems.iter();
    findings.any(|finding| finding.kind == ProblemKind::Unreadable)
}

fn has_failed(one: &Status) -> bool {
    let mut findings = one.problems.iter();
    findings.any(|finding| matches!(finding.kind, ProblemKind::Failed | ProblemKind::Incomplete))
}

fn last_outcome(one: &Status) -> Cell {
    let cleanup = if one.cleanup_failed {
        ", cleanup failed"
    } else {
        ""
    };
    match one.outcome {
        // What is the last run may not be known.
        _ if one.last_run.is_none() && is_unreadable(one) => Cell::new(Style::Bad, "unknown"),
        Some(outcome) => {
            // Cancelled or skipped since.
            let before = match outcome {
                Outcome::Cancelled | Outcome::Skipped if has_failed(one) => ", failed before",
                _ => "",
            };
            let style = if before.is_empty() && cleanup.is_empty() {
                outcome_style(outcome)
            } else {
                Style::Bad
            };
            Cell::new(style, format!("{}{before}{cleanup}", outcome.as_str()))
        }
        None => {
            // The very first run, about to be retried.
            let last = one.last_run.as_ref();
            Cell::new(
                Style::Odd,
                last.map_or("never", |last| last.outcome.as_str()),
            )
        }
    }
}

fn maintenance(one: &Status, now: &Zoned) -> Cell {
    let of = |kind| one.problems.iter().any(|finding| finding.kind == kind);
    let last = one.last_maintenance.as_ref();
    let (what, style) = match last.map(|last| last.outcome) {
        _ if of(ProblemKind::Damaged) => ("damaged", Style::Bad),
        _ if of(ProblemKind::MaintenanceFailed) => ("failed", Style::Bad),
        Some(outcome) => (outcome.as_str(), outcome_style(outcome)),
        None if is_unreadable(one) => return Cell::new(Style::Bad, "unknown"),
        None => ("never", Style::Plain),
    };
    let late = of(ProblemKind::MaintenanceOverdue);
    let age = last.map_or_else(String::new, |last| format!(", {}", age(last.finished, now)));
    let overdue = if late { ", overdue" } else { "" };
    let style = if late { Style::Bad } else { style };
    Cell::new(style, format!("{what}{age}{overdue}"))
}

fn state(one: &Status) -> Cell {
    let (style, text) = match (one.state, &one.phase, &one.progress) {
        (RunActivity::Idle, ..) => (Style::Plain, "idle".to_owned()),
        (RunActivity::Unknown, ..) => (Style::Bad, "unknown".to_owned()),
        (RunActivity::Retrying, ..) => (Style::Odd, "retrying".to_owned()),
        (RunActivity::Running, None, _) => (Style::Busy, "running".to_owned()),
        (RunActivity::Running, Some(phase), None) => (Style::Busy, printable(phase)),
        (RunActivity::Running, Some(phase), Some(progress)) => {
            let percent = (progress.fraction * 100.0).floor();
            (Style::Busy, format!("{} {percent:.0} %", printable(phase)))
        }
    };
    Cell::new(style, text)
}

fn outcome(record: &Record) -> Cell {
    let cleanup = if record.cleanup_failed {
        ", cleanup failed"
    } else {
        ""
    };
    let text = format!("{}{cleanup}", record.outcome.as_str());
    Cell::new(style(record), text)
}

fn style(record: &Record) -> Style {
    if record.cleanup_failed {
        Style::Bad
    } else {
        outcome_style(record.outcome)
    }
}

fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Success => Style::Good,
        Outcome::Skipped => Style::Plain,
        Outcome::Incomplete | Outcome::Cancelled => Style::Odd,
        Outcome::Failed => Style::Bad,
    }
}

fn snapshot(id: Option<&str>) -> Cell {
    id.map_or_else(nothing, |id| {
        printable(&id.chars().take(8).collect::<String>()).into()
    })
}

fn added(count: Option<u64>) -> Cell {
    count.map_or_else(nothing, |count| size(count).into())
}

fn nothing() -> Cell {
    "-".into()
}

fn phase(phase: &Phase) -> String {
    format!("{} {}", printable(&phase.name), duration(phase.seconds))
}

fn age(then: Timestamp, now: &Zoned) -> String {
    match now.timestamp().duration_since(then).as_mins() {
        ..0 => "in the future".to_owned(),
        0 => "just now".to_owned(),
        minutes => format!("{} ago", coarse(minutes)),
    }
}

fn until(then: Timestamp, now: &Zoned) -> String {
    match then.duration_since(now.timestamp()).as_mins() {
        ..=0 => "any moment".to_owned(),
        minutes => format!("in {}", coarse(minutes)),
    }
}

fn coarse(minutes: i64) -> String {
    match minutes {
        ..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / (24 * 60)),
    }
}

fn duration(seconds: f64) -> String {
    let whole = SignedDuration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    match whole.as_secs() {
        0 => "<1 s".to_owned(),
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_durations_have_one_unit_or_two() {
        let now: Zoned = "2026-03-10T12:00:00[UTC]".parse().unwrap();
        for (seconds, expected) in [
            (-90, "in the future"),
            (59, "just now"),
            (60, "1 min ago"),
            (3 * 3600 + 1, "3 h ago"),
            (47 * 3600, "47 h ago"),
            (49 * 3600, "2 d ago"),
        ] {
            let then = now.timestamp() - SignedDuration::from_secs(seconds);
            assert_eq!(age(then, &now), expected);
        }
        for (seconds, expected) in [
            (0.2, "<1 s"),
            (59.4, "59 s"),
            (59.6, "1 min 0 s"),
            (3661.0, "1 h 1 min"),
            (f64::NAN, "<1 s"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
