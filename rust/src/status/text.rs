//! The words and tables of `status`.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::Status;
use super::activity::Activity;
use crate::measure::size;
use crate::report::maintenance::Check;
use crate::report::record::{Phase, Record};

/// Runs shown of one instance.
const SHOWN_RUNS: usize = 10;

/// All instances, a line each.
pub(super) fn table(all: &[Status], now: &Zoned) -> String {
    if all.is_empty() {
        return "No instances. Define one in backupservice.instances.\n".to_owned();
    }
    let header = [
        "INSTANCE",
        "PROVIDER",
        "STATE",
        "LAST RUN",
        "LAST SUCCESS",
        "LAST SNAPSHOT",
        "ADDED",
        "MAINTENANCE",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(all.iter().map(|one| {
        [
            one.instance.clone(),
            one.provider.clone(),
            state(one),
            one.last_run
                .as_ref()
                .map_or_else(|| "never".to_owned(), outcome),
            one.last_success
                .map_or_else(|| "never".to_owned(), |then| age(then, now)),
            snapshot(one.last_snapshot.as_deref()),
            added(one.last_bytes_added),
            maintenance(one, now),
        ]
    }));
    align(&rows)
}

/// One instance with its last runs, newest first.
pub(super) fn details(one: &Status, history: &[Record], now: &Zoned) -> String {
    let success = one
        .last_success
        .map_or_else(|| "never".to_owned(), |then| age(then, now));
    let mut text = format!(
        "{} ({}): {}\nlast success: {success}\n",
        one.instance,
        one.provider,
        state(one)
    );
    if let Some(last) = &one.last_maintenance {
        let text_of = printable(&last.to_string());
        let _ = writeln!(text, "{text_of} ({})", age(last.finished, now));
    }
    let newest: Vec<_> = match (history, &one.last_run) {
        ([], Some(last)) => vec![last],
        _ => history.iter().rev().take(SHOWN_RUNS).collect(),
    };
    if newest.is_empty() {
        return text;
    }
    let header = ["STARTED", "OUTCOME", "TOOK", "SNAPSHOT", "ADDED"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(newest.iter().map(|record| {
        let started = record.started.to_zoned(now.time_zone().clone());
        let took = record.finished.duration_since(record.started);
        [
            started.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            outcome(record),
            duration(took.as_secs_f64()),
            snapshot(record.snapshot.as_deref()),
            added(record.totals.map(|totals| totals.bytes_added)),
        ]
    }));
    let aligned = align(&rows);
    let mut lines = aligned.lines();
    let _ = writeln!(text, "\n{}", lines.next().unwrap_or_default());
    for (line, record) in lines.zip(newest) {
        let _ = writeln!(text, "{line}");
        if !record.phases.is_empty() {
            let phases: Vec<_> = record.phases.iter().map(phase).collect();
            let _ = writeln!(text, "  {}", phases.join(", "));
        }
        if let Some(problem) = &record.error {
            let _ = writeln!(text, "  {}", printable(&problem.to_string()));
        }
    }
    text
}

fn maintenance(one: &Status, now: &Zoned) -> String {
    let Some(last) = &one.last_maintenance else {
        return "never".to_owned();
    };
    let what = match last.done.check {
        Some(Check::Damaged) => "damaged",
        _ => last.outcome.as_str(),
    };
    format!("{what}, {}", age(last.finished, now))
}

fn state(one: &Status) -> String {
    match (one.state, &one.phase, &one.progress) {
        (Activity::Idle, ..) => "idle".to_owned(),
        (Activity::Unknown, ..) => "unknown".to_owned(),
        (Activity::Running, None, _) => "running".to_owned(),
        (Activity::Running, Some(phase), None) => printable(phase),
        (Activity::Running, Some(phase), Some(progress)) => {
            format!(
                "{} {:.0} %",
                printable(phase),
                (progress.fraction * 100.0).floor()
            )
        }
    }
}

fn outcome(record: &Record) -> String {
    let cleanup = if record.cleanup_failed {
        ", cleanup failed"
    } else {
        ""
    };
    format!("{}{cleanup}", record.outcome.as_str())
}

fn snapshot(id: Option<&str>) -> String {
    id.map_or_else(nothing, |id| {
        printable(&id.chars().take(8).collect::<String>())
    })
}

fn added(count: Option<u64>) -> String {
    count.map_or_else(nothing, size)
}

fn nothing() -> String {
    "-".to_owned()
}

fn phase(phase: &Phase) -> String {
    format!("{} {}", printable(&phase.name), duration(phase.seconds))
}

fn age(then: Timestamp, now: &Zoned) -> String {
    let minutes = now.timestamp().duration_since(then).as_mins();
    match minutes {
        ..0 => "in the future".to_owned(),
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} d ago", minutes / (24 * 60)),
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

/// Names of files and messages of programs may contain anything, and go to a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "{cell:width$}  ", width = width(column));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
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
    fn a_terminal_is_not_told_what_to_do() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
