//! Deadlines: the time by which the next backup must have succeeded.
//!
//! Derived from the schedule alone, not from the timer, since a stopped or masked timer has
//! no next elapse. Only time in which the machine is awake counts: a backup missed while it
//! was off is caught up when it is on again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::{Clock, SKEW, is_before_this_program};
use crate::base::outcome::Outcome;
use crate::report::record::{Phase, Record};

/// Longest time that a run under way, or the longest run before, may delay a deadline.
const LONGEST_RUN: Duration = Duration::from_hours(24);

/// Next elapse of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextElapse {
    /// At this time.
    At(Timestamp),
    /// The schedule has no elapse left.
    Never,
    /// systemd rejects the schedule, so there is no timer either.
    Invalid,
}

/// The next expected success, kept between scans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedRun {
    /// Schedule, as a calendar event of systemd.
    pub calendar: String,
    /// Last success, or the first scan of the instance.
    pub since: Timestamp,
    /// First elapse of the schedule after `since`.
    pub due: NextElapse,
    /// Seconds that the machine was awake since `due`.
    pub late_seconds: f64,
    /// The deadline has passed. Holds until a success or another schedule.
    #[serde(default)]
    pub overdue: bool,
    /// Time from which it is overdue, if the machine stays awake, UTC.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

/// What is expected of an instance, and with which tolerances.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Schedule, as a calendar event of systemd.
    pub calendar: &'a str,
    /// Maximum delay of the timer.
    pub randomized_delay: Duration,
    /// Tolerance after that.
    pub grace: Duration,
    /// Duration of the longest run, awake and at work.
    pub longest: Duration,
    /// A run is in progress, waits, or is retried.
    pub busy: bool,
}

/// Deadline of an instance, and whether it has passed.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadlineStatus {
    /// The deadline has passed.
    pub overdue: bool,
    /// Last success, without records from the future.
    pub last_success: Option<Timestamp>,
    /// Scheduled time of the expected backup.
    pub due: NextElapse,
    /// Time from which it is overdue, if the machine stays awake; none for never.
    pub deadline: Option<Timestamp>,
}

/// End of the last success. A clock that was once wrong must not suppress notifications for
/// years: records in the future do not count.
#[must_use]
pub fn last_success(runs: &[Record], now: Timestamp) -> Option<Timestamp> {
    successes(runs, now).map(|record| record.finished).max()
}

/// Duration of the longest success, awake and at work: phases are measured so, while the
/// clock also counts sleep and its own jumps.
#[must_use]
pub fn longest(runs: &[Record], now: Timestamp) -> Duration {
    successes(runs, now)
        .map(|record| working(&record.phases))
        .max()
        .unwrap_or_default()
}

fn successes(runs: &[Record], now: Timestamp) -> impl Iterator<Item = &Record> {
    runs.iter()
        .filter(move |run| run.outcome == Outcome::Success && run.finished <= now + SKEW)
}

/// Duration of phases, without waiting.
pub(super) fn working(phases: &[Phase]) -> Duration {
    let work = phases.iter().filter(|phase| phase.name != "waiting");
    let seconds: f64 = work.map(|phase| phase.seconds).sum();
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Evaluates a deadline, and updates the expected success; none after a success, which is
/// `last_success` then. Without any, one is expected since `first_seen`. `next` returns the first elapse of a calendar event
/// after a time.
///
/// # Errors
/// `next` failed; what is expected has not changed.
pub fn evaluate(
    expected: &mut Option<ExpectedRun>,
    first_seen: Timestamp,
    last_success: Option<Timestamp>,
    limits: &Limits<'_>,
    clock: Clock,
    next: &mut dyn FnMut(&str, Timestamp) -> anyhow::Result<NextElapse>,
) -> anyhow::Result<DeadlineStatus> {
    let since = last_success.unwrap_or(first_seen);
    // The clock was wrong when it ended, and has been set since.
    let is_impossible = |time| time > clock.now + SKEW || is_before_this_program(time);
    let since = if is_impossible(since) {
        clock.now
    } else {
        since
    };
    let known = expected.clone();
    let mut current = match known.filter(|run| run.calendar == limits.calendar) {
        // A success remains one, and overdue holds until the next.
        Some(run) if is_impossible(run.since) => ExpectedRun {
            since: clock.now,
            due: next(limits.calendar, clock.now)?,
            late_seconds: 0.0,
            ..run
        },
        Some(run) if run.due != NextElapse::Invalid => run,
        // What systemd rejects is asked about each time: a time zone may be installed by now.
        known => {
            let due = next(limits.calendar, since)?;
            let same = known.filter(|run| run.due == due);
            same.unwrap_or_else(|| ExpectedRun {
                calendar: limits.calendar.to_owned(),
                since,
                due,
                late_seconds: 0.0,
                overdue: false,
                deadline: None,
            })
        }
    };
    let due = match current.due {
        NextElapse::At(due) => Some(due),
        NextElapse::Invalid => Some(since),
        NextElapse::Never => None,
    };
    if let Some(due) = due {
        let passed = clock.now.duration_since(due).as_secs_f64();
        current.late_seconds += clock.awake.min(passed).max(0.0);
    }
    let mut limit = limits.randomized_delay + limits.grace + limits.longest.min(LONGEST_RUN);
    if limits.busy {
        limit = limit.max(LONGEST_RUN);
    }
    let left = limit.as_secs_f64() - current.late_seconds;
    // A run under way delays the verdict, but does not lift it.
    current.overdue |= due.is_some_and(|due| due <= clock.now) && left <= 0.0;
    if !current.overdue || current.deadline.is_none() {
        current.deadline = due.and_then(|due| {
            let left = SignedDuration::try_from_secs_f64(left).ok()?;
            due.max(clock.now).checked_add(left).ok()
        });
    }
    let deadline_status = DeadlineStatus {
        overdue: current.overdue,
        last_success: last_success.filter(|end| !is_impossible(*end)),
        due: current.due,
        deadline: current.deadline,
    };
    *expected = Some(current);
    Ok(deadline_status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tests::record;

    const HOUR: i64 = 3600;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 / (24 * HOUR) * 24 * HOUR + hours * HOUR).unwrap()
    }

    /// Daily at midnight, with a tolerance of two hours, scanned every hour.
    struct Daily {
        wait: Option<ExpectedRun>,
        runs: Vec<Record>,
        seen: usize,
        rejected: bool,
    }

    impl Daily {
        fn new() -> Self {
            Self {
                wait: None,
                runs: Vec::new(),
                seen: 0,
                rejected: false,
            }
        }

        fn succeeded(&mut self, began: i64, ended: i64) {
            let mut run = record(Outcome::Success, 1);
            (run.started, run.finished) = (at(began), at(ended));
            self.runs.push(run);
        }

        /// The phases of the last success, in hours.
        fn with_phases(&mut self, phases: &[(&str, f64)]) {
            let phase = |(name, hours): &(&str, f64)| Phase {
                name: (*name).to_owned(),
                started: at(0),
                seconds: hours * 3600.0,
            };
            self.runs.last_mut().unwrap().phases = phases.iter().map(phase).collect();
        }

        fn scan(&mut self, hour: i64, awake: i64, running: bool) -> DeadlineStatus {
            let limits = Limits {
                calendar: "daily",
                randomized_delay: Duration::from_hours(1),
                grace: Duration::from_hours(1),
                longest: longest(&self.runs, at(hour)),
                busy: running,
            };
            #[allow(clippy::cast_precision_loss)]
            let clock = Clock {
                now: at(hour),
                awake: (awake * HOUR) as f64,
                is_wrong: false,
            };

            let rejected = self.rejected;
            let mut midnight = |_: &str, after: Timestamp| {
                if rejected {
                    return Ok(NextElapse::Invalid);
                }
                let day = 24 * HOUR;
                let next = (after.as_second() / day + 1) * day;
                Ok(NextElapse::At(Timestamp::from_second(next).unwrap()))
            };
            let new = self.runs[self.seen..].last().map(|run| run.finished);
            self.seen = self.runs.len();
            let success = new.or_else(|| last_success(&self.runs, at(hour)));
            let wait = &mut self.wait;
            if new.is_some() {
                *wait = None;
            }
            evaluate(wait, at(1), success, &limits, clock, &mut midnight).unwrap()
        }
    }

    #[test]
    fn without_any_success_the_first_scan_counts() {
        let mut daily = Daily::new();
        assert!(!daily.scan(1, 0, false).overdue);
        assert_eq!(daily.scan(23, 22, false).deadline, Some(at(26)));
        assert!(!daily.scan(25, 2, false).overdue);
        assert!(daily.scan(26, 1, false).overdue);
    }

    #[test]
    fn every_success_begins_anew() {
        let mut daily = Daily::new();
        daily.scan(1, 0, false);
        assert!(daily.scan(30, 29, false).overdue);
        daily.succeeded(31, 31);
        let deadline_status = daily.scan(31, 1, false);
        assert!(!deadline_status.overdue);
        assert_eq!(deadline_status.last_success, Some(at(31)));
        assert_eq!(deadline_status.due, NextElapse::At(at(48)));
    }

    #[test]
    fn a_machine_that_was_off_gets_its_time() {
        let mut daily = Daily::new();
        daily.succeeded(1, 1);
        daily.scan(20, 0, false);
        // Off for two weeks, and on for a quarter of an hour.
        assert!(!daily.scan(20 + 14 * 24, 0, false).overdue);
        assert!(!daily.scan(21 + 14 * 24, 1, false).overdue);
        assert!(daily.scan(22 + 14 * 24, 1, false).overdue);
    }

    #[test]
    fn short_times_awake_add_up() {
        let mut daily = Daily::new();
        daily.succeeded(1, 1);
        let mut late = Vec::new();
        for day in 1..5 {
            late.push(daily.scan(day * 24 + 12, 0, false).overdue);
            late.push(daily.scan(day * 24 + 13, 1, false).overdue);
        }
        assert_eq!(late.iter().position(|late| *late), Some(3));
    }

    #[test]
    fn a_run_may_take_as_long_as_others_did_and_one_under_way_a_day() {
        let mut daily = Daily::new();
        daily.succeeded(1, 6);
        daily.with_phases(&[("waiting", 40.0), ("backup", 5.0)]);
        daily.scan(24, 0, false);
        assert!(!daily.scan(30, 6, false).overdue);
        assert!(daily.scan(31, 1, false).overdue);
        let mut daily = Daily::new();
        daily.scan(24, 0, true);
        assert!(!daily.scan(47, 23, true).overdue);
        assert!(daily.scan(48, 1, true).overdue);
    }

    #[test]
    fn only_work_counts_as_the_duration_of_a_run() {
        // Suspended or waiting for power for three weeks, or a clock that jumped.
        let mut daily = Daily::new();
        daily.succeeded(1, 20 * 24);
        daily.with_phases(&[("waiting", 400.0), ("backup", 1.0)]);
        daily.scan(20 * 24, 0, false);
        assert!(daily.scan(21 * 24 + 3, 24, false).overdue);
        // Even work is capped.
        daily.with_phases(&[("backup", 1000.0)]);
        daily.wait = None;
        daily.scan(21 * 24, 0, false);
        assert!(daily.scan(22 * 24 + 2, 26, false).overdue);
    }

    #[test]
    fn overdue_holds_while_another_run_tries() {
        let mut daily = Daily::new();
        daily.scan(1, 0, false);
        assert!(daily.scan(26, 25, false).overdue);
        assert!(daily.scan(27, 1, true).overdue);
        assert!(daily.scan(28, 1, false).overdue);
        daily.succeeded(28, 29);
        assert!(!daily.scan(29, 1, false).overdue);
    }

    #[test]
    fn a_success_that_cannot_be_read_any_more_is_not_forgotten() {
        let mut daily = Daily::new();
        daily.succeeded(1, 2);
        daily.succeeded(24, 25);
        let before = daily.scan(26, 0, false).deadline;
        daily.runs.pop();
        daily.seen = 1;
        assert_eq!(daily.scan(26, 0, false).deadline, before);
    }

    #[test]
    fn a_schedule_that_was_rejected_once_is_not_rejected_for_ever() {
        let mut daily = Daily::new();
        daily.rejected = true;
        daily.scan(1, 0, false);
        assert!(!daily.scan(2, 1, false).overdue);
        assert!(daily.scan(3, 1, false).overdue);
        daily.rejected = false;
        let deadline_status = daily.scan(4, 1, false);
        assert!(!deadline_status.overdue);
        assert_eq!(deadline_status.due, NextElapse::At(at(24)));
    }

    #[test]
    fn a_success_in_the_future_is_none() {
        let mut daily = Daily::new();
        daily.succeeded(1000, 1000);
        daily.scan(1, 0, false);
        let deadline_status = daily.scan(26, 25, false);
        assert!(deadline_status.overdue);
        assert_eq!(deadline_status.last_success, None);
    }

    #[test]
    fn a_clock_that_is_set_back_behind_a_success_begins_anew_but_lifts_nothing() {
        let mut daily = Daily::new();
        daily.scan(1, 0, false);
        daily.succeeded(1000, 1000);
        daily.scan(1000, 1, false);
        // Due at midnight, as the timer is, though the last success that can be was long ago.
        assert!(!daily.scan(10, 0, false).overdue);
        let deadline_status = daily.scan(20, 10, false);
        assert!(!deadline_status.overdue);
        assert_eq!(deadline_status.due, NextElapse::At(at(24)));
        assert!(daily.scan(26, 6, false).overdue);
        // Nor is the success a new one when it is possible again.
        assert!(daily.scan(5, 1, false).overdue);
        assert!(daily.scan(1001, 1, false).overdue);
    }
}
