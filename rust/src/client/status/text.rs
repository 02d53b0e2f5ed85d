//! Text output of `status`.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::layout::{Cell, align};
use super::{Retry, Status};
use crate::base::measure::size;
use crate::base::outcome::Outcome;
use crate::base::printable::printable;
use crate::base::problem::Problem;
use crate::client::terminal::{Style, Terminal};
use crate::report::record::{Phase, Record};
use crate::report::restores::RestoreRecord;
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
                state(one, now),
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

/// One line per backup that waits for its next attempt.
pub(super) fn retries(all: &[Status], now: &Zoned, terminal: Terminal) -> String {
    let mut text = String::new();
    for one in all {
        if let Some(retry) = &one.retry {
            let line = printable(&format!("{}: {}", one.instance, waiting(retry, now)));
            let _ = writeln!(text, "{}", terminal.paint(Style::Odd, &line));
        }
    }
    text
}

/// Which attempt failed, why, and when the next one starts.
fn waiting(retry: &Retry, now: &Zoned) -> String {
    let failed = retry.error.as_ref().map_or_else(
        || format!("attempt {} of {} failed", retry.attempt, retry.attempts),
        |error| error.message.clone(),
    );
    let next = retry
        .next
        .map(|next| format!("; next at {}", clock(next, now)));
    format!("{failed}{}", next.unwrap_or_default())
}

/// Time of day, as the next attempt is at most half an hour away.
fn clock(time: Timestamp, now: &Zoned) -> String {
    let time = time.to_zoned(now.time_zone().clone());
    time.strftime("%H:%M").to_string()
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
    let state = state(one, now).paint(terminal);
    let mut text = format!("{} ({}): {state}\n", one.instance, one.provider);
    if let Some(retry) = &one.retry {
        let line = terminal.paint(Style::Odd, &printable(&waiting(retry, now)));
        let _ = writeln!(text, "{line}");
    }
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
    let restores = one.restores.as_deref().unwrap_or_default();
    let mut rows: Vec<Row<'_>> = newest.into_iter().map(Row::Run).collect();
    rows.extend(restores.iter().map(Row::Restore));
    if rows.is_empty() {
        return text;
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.started()));
    rows.truncate(SHOWN_RUNS);
    let head = ["STARTED", "OUTCOME", "TOOK", "SNAPSHOT", "ADDED"];
    let cells: Vec<_> = rows.iter().map(|row| row.cells(now)).collect();
    let aligned = align(head, &cells, &["ADDED", "SNAPSHOT"], terminal);
    let mut lines = aligned.iter();
    let _ = writeln!(text, "\n{}", lines.next().map_or("", String::as_str));
    for (line, row) in lines.zip(rows) {
        let _ = writeln!(text, "{line}");
        if !row.phases().is_empty() {
            let phases: Vec<_> = row.phases().iter().map(phase).collect();
            let _ = writeln!(text, "  {}", phases.join(", "));
        }
        if let Row::Run(record) = row
            && let Some(problem) = &record.error
        {
            let problem = printable(&problem.to_string());
            let _ = writeln!(text, "  {}", terminal.paint(style(record), &problem));
        }
        let journal = journal(row.run_id());
        let _ = writeln!(text, "  {}", terminal.paint(Style::Faint, &journal));
    }
    text
}

/// Line of the history of an instance.
#[derive(Clone, Copy)]
enum Row<'a> {
    Run(&'a Record),
    Restore(&'a RestoreRecord),
}

impl Row<'_> {
    fn started(&self) -> Timestamp {
        match self {
            Self::Run(record) => record.started,
            Self::Restore(record) => record.started,
        }
    }

    fn run_id(&self) -> &str {
        match self {
            Self::Run(record) => &record.run_id,
            Self::Restore(record) => &record.run_id,
        }
    }

    fn phases(&self) -> &[Phase] {
        match self {
            Self::Run(record) => &record.phases,
            Self::Restore(record) => &record.phases,
        }
    }

    fn cells(&self, now: &Zoned) -> [Cell; 5] {
        let (finished, outcome, id, bytes) = match self {
            Self::Run(record) => (
                record.finished,
                outcome(record),
                &record.snapshot,
                record.totals.map(|totals| totals.bytes_added),
            ),
            Self::Restore(record) => (
                record.finished,
                restore_outcome(record),
                &record.snapshot,
                None,
            ),
        };
        let started = self.started().to_zoned(now.time_zone().clone());
        let took = finished.duration_since(self.started());
        [
            started.strftime("%Y-%m-%d %H:%M:%S %Z").to_string().into(),
            outcome,
            duration(took.as_secs_f64()).into(),
            snapshot(id.as_deref()),
            added(bytes),
        ]
    }
}

fn restore_outcome(record: &RestoreRecord) -> Cell {
    let (cleanup, style) = if record.cleanup_failed {
        (", cleanup failed", Style::Bad)
    } else {
        ("", outcome_style(record.outcome))
    };
    Cell::new(
        style,
        format!("restore: {}{cleanup}", record.outcome.as_str()),
    )
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

fn state(one: &Status, now: &Zoned) -> Cell {
    let next = one.retry.as_ref().and_then(|retry| retry.next);
    // Many phases have the same name.
    let what = match one.operation {
        Some("restore") if one.phase.as_deref() == Some("restore") => "",
        Some("restore") => "restore: ",
        _ => "",
    };
    let (style, text) = match (one.state, &one.phase, &one.progress) {
        (RunActivity::Idle, ..) => (Style::Plain, "idle".to_owned()),
        (RunActivity::Unknown, ..) => (Style::Bad, "unknown".to_owned()),
        (RunActivity::Retrying, ..) => (
            Style::Odd,
            next.map_or_else(
                || "retrying".to_owned(),
                |next| format!("retrying at {}", clock(next, now)),
            ),
        ),
        (RunActivity::Running, None, _) => (Style::Busy, "running".to_owned()),
        (RunActivity::Running, Some(phase), None) => {
            (Style::Busy, format!("{what}{}", printable(phase)))
        }
        (RunActivity::Running, Some(phase), Some(progress)) => {
            let percent = (progress.fraction * 100.0).floor();
            (
                Style::Busy,
                format!("{what}{} {percent:.0} %", printable(phase)),
            )
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
