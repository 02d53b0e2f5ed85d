//! Until when there has to be a success.
//!
//! From the schedule alone, not from the timer: one that is stopped or masked has no next
//! time. Only time in which the machine was awake counts as late: one that was off could
//! make no backup, and makes up for it when it is on again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::base::outcome::Outcome;
use crate::report::record::Record;

/// A run that hangs is not waited for any longer.
const LONGEST_RUN: Duration = Duration::from_hours(24);

/// Clocks of records may be so much ahead.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// When a schedule comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// Then.
    At(Timestamp),
    /// It has passed for good.
    Never,
    /// systemd does not understand it, and so has no timer either.
    Unreadable,
}

/// What is waited for, kept from look to look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// The schedule.
    pub calendar: String,
    /// The last success, or when the instance was first seen.
    pub since: Timestamp,
    /// The schedule's next time after that.
    pub due: Next,
    /// For so many seconds the machine was awake since then.
    pub late: f64,
}

/// What is to be known of a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// A calendar event of systemd.
    pub calendar: &'a str,
    /// The timer may come so much later.
    pub randomized_delay: Duration,
    /// And the success so much later still.
    pub grace: Duration,
}

/// The times at which an instance is judged.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// For so many seconds the machine was awake since the last look.
    pub awake: f64,
}

/// Whether it is overdue.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadlineStatus {
    /// It is.
    pub overdue: bool,
    /// The last success that counts.
    pub last_success: Option<Timestamp>,
    /// When a backup was or is due.
    pub due: Next,
    /// When it is overdue, if the machine stays awake; none for never.
    pub deadline: Option<Timestamp>,
}

/// Judges an instance, with its last runs.
///
/// # Errors
/// `next` failed.
pub fn evaluate(
    wait: &mut Option<Wait>,
    first_seen: Timestamp,
    runs: &[Record],
    running: bool,
    limits: &Limits<'_>,
    clock: Clock,
    next: &mut dyn FnMut(&str, Timestamp) -> anyhow::Result<Next>,
) -> anyhow::Result<DeadlineStatus> {
    // A clock that was wrong once must not keep us quiet for years.
    let sane = |record: &&Record| record.finished <= clock.now + SKEW;
    let successes = || {
        let all = runs.iter().filter(sane);
        all.filter(|record| record.outcome == Outcome::Success)
    };
    let last_success = successes().map(|record| record.finished).max();
    let since = last_success.unwrap_or_else(|| first_seen.min(clock.now));
    let known = wait
        .take()
        .filter(|wait| wait.since == since && wait.calendar == limits.calendar);
    let mut current = match known {
        Some(wait) => wait,
        None => Wait {
            calendar: limits.calendar.to_owned(),
            since,
            due: next(limits.calendar, since)?,
            late: 0.0,
        },
    };
    let took = successes().map(|record| record.finished.duration_since(record.started));
    let longest = took.max().and_then(|took| Duration::try_from(took).ok());
    let mut limit = limits.randomized_delay + limits.grace + longest.unwrap_or_default();
    if running {
        limit = limit.max(LONGEST_RUN);
    }
    let due = match current.due {
        Next::At(due) => Some(due),
        Next::Unreadable => Some(since),
        Next::Never => None,
    };
    if let Some(due) = due {
        let passed = clock.now.duration_since(due).as_secs_f64();
        current.late += clock.awake.min(passed).max(0.0);
    }
    let left = limit.as_secs_f64() - current.late;
    let judged = DeadlineStatus {
        overdue: due.is_some_and(|due| due <= clock.now) && left <= 0.0,
        last_success,
        due: current.due,
        deadline: due.and_then(|due| {
            let left = SignedDuration::try_from_secs_f64(left).ok()?;
            due.max(clock.now).checked_add(left).ok()
        }),
    };
    *wait = Some(current);
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tests::record;

    const HOUR: i64 = 3600;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 / (24 * HOUR) * 24 * HOUR + hours * HOUR).unwrap()
    }

    /// Daily at midnight, with two hours to spare, looked at every hour.
    struct Daily {
        wait: Option<Wait>,
        runs: Vec<Record>,
        looked: Timestamp,
    }

    impl Daily {
        fn new() -> Self {
            Self {
                wait: None,
                runs: Vec::new(),
                looked: at(1),
            }
        }

        fn succeeded(&mut self, began: i64, ended: i64) {
            let mut run = record(Outcome::Success, 1);
            (run.started, run.finished) = (at(began), at(ended));
            self.runs.push(run);
        }

        fn look(&mut self, hour: i64, awake: i64, running: bool) -> DeadlineStatus {
            let limits = Limits {
                calendar: "daily",
                randomized_delay: Duration::from_hours(1),
                grace: Duration::from_hours(1),
            };
            #[allow(clippy::cast_precision_loss)]
            let clock = Clock {
                now: at(hour),
                awake: (awake * HOUR) as f64,
            };
            self.looked = clock.now;
            let mut midnight = |_: &str, after: Timestamp| {
                let day = 24 * HOUR;
                let next = (after.as_second() / day + 1) * day;
                Ok(Next::At(Timestamp::from_second(next).unwrap()))
            };
            let (wait, runs) = (&mut self.wait, &self.runs);
            evaluate(wait, at(1), runs, running, &limits, clock, &mut midnight).unwrap()
        }
    }

    #[test]
    fn without_any_success_the_first_look_counts() {
        let mut daily = Daily::new();
        assert!(!daily.look(1, 0, false).overdue);
        assert_eq!(daily.look(23, 22, false).deadline, Some(at(26)));
        assert!(!daily.look(25, 2, false).overdue);
        assert!(daily.look(26, 1, false).overdue);
    }

    #[test]
    fn every_success_begins_anew() {
        let mut daily = Daily::new();
        daily.look(1, 0, false);
        assert!(daily.look(30, 29, false).overdue);
        daily.succeeded(31, 31);
        let judged = daily.look(31, 1, false);
        assert!(!judged.overdue);
        assert_eq!(judged.last_success, Some(at(31)));
        assert_eq!(judged.due, Next::At(at(48)));
    }

    #[test]
    fn a_machine_that_was_off_gets_its_time() {
        let mut daily = Daily::new();
        daily.succeeded(1, 1);
        daily.look(20, 0, false);
        // Off for two weeks, and on for a quarter of an hour.
        assert!(!daily.look(20 + 14 * 24, 0, false).overdue);
        assert!(!daily.look(21 + 14 * 24, 1, false).overdue);
        assert!(daily.look(22 + 14 * 24, 1, false).overdue);
    }

    #[test]
    fn one_that_is_only_on_for_short_is_late_in_the_end() {
        let mut daily = Daily::new();
        daily.succeeded(1, 1);
        let mut late = Vec::new();
        for day in 1..5 {
            late.push(daily.look(day * 24 + 12, 0, false).overdue);
            late.push(daily.look(day * 24 + 13, 1, false).overdue);
        }
        assert_eq!(late.iter().position(|late| *late), Some(3));
    }

    #[test]
    fn a_run_may_take_as_long_as_others_did_and_one_under_way_a_day() {
        let mut daily = Daily::new();
        daily.succeeded(1, 6);
        daily.look(24, 0, false);
        assert!(!daily.look(30, 6, false).overdue);
        assert!(daily.look(31, 1, false).overdue);
        let mut daily = Daily::new();
        daily.look(24, 0, true);
        assert!(!daily.look(47, 23, true).overdue);
        assert!(daily.look(48, 1, true).overdue);
    }

    #[test]
    fn a_success_in_the_future_is_none() {
        let mut daily = Daily::new();
        daily.succeeded(1000, 1000);
        daily.look(1, 0, false);
        let judged = daily.look(26, 25, false);
        assert!(judged.overdue);
        assert_eq!(judged.last_success, None);
    }
}
