//! Backups and maintenance: when they start, what becomes of them, and the records that they
//! leave.

use jiff::Timestamp;

use super::random::Random;
use crate::base::outcome::Outcome;
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::base::unit_names::{MAINTAIN, service};
use crate::report::maintenance::{CheckResult, MaintenanceRecord, MaintenanceResults, StepResult};
use crate::report::record::{Phase, Record, VERSION};
use crate::report::{write_maintenance, write_record};
use crate::systemd::Crash;
use crate::systemd::retries::ATTEMPTS;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// `RandomizedDelaySec` of all timers.
pub(super) const DELAY: i64 = 10 * MINUTE;

/// First elapse of a schedule after a time.
pub(super) fn next(period: i64, after: i64) -> i64 {
    (after.div_euclid(period) + 1) * period
}

/// Backups or maintenance of an instance.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub instance: &'static str,
    pub is_maintenance: bool,
    pub calendar: &'static str,
    pub period: i64,
    /// Its part of the randomized delay.
    delay: i64,
    pub timer_works: bool,
    /// Time that the clock showed at its last start.
    last_trigger: i64,
    run: Option<Run>,
    /// Minutes until systemd starts it again.
    retry_in: Option<i64>,
    /// Failed attempt, as long as a later one may make up for it.
    unsettled: Option<String>,
    attempt: u32,
    crash: Option<Crash>,
}

/// A run under way.
#[derive(Clone, Debug)]
struct Run {
    id: String,
    started: i64,
    /// Minutes left to wait for power or others, and then to work.
    waits: i64,
    works: i64,
    /// Minutes that it will have worked.
    length: i64,
    fate: Fate,
}

/// What will come of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Success,
    CleanupFails,
    FailsForNow,
    Fails,
    Incomplete,
    Skipped,
    Crash,
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub job: usize,
    pub id: String,
    pub outcome: Outcome,
    pub cleanup_failed: bool,
    pub has_record: bool,
    /// Minutes at work.
    pub length: i64,
}

impl Ended {
    fn new(job: usize, id: &str, outcome: Outcome, length: i64) -> Self {
        Self {
            job,
            id: id.to_owned(),
            outcome,
            cleanup_failed: false,
            has_record: true,
            length,
        }
    }
}

pub(super) fn period(calendar: &str) -> i64 {
    match calendar {
        "daily" => DAY,
        "weekly" => 7 * DAY,
        other => unreachable!("{other}"),
    }
}

impl Job {
    pub fn new(
        instance: &'static str,
        is_maintenance: bool,
        calendar: &'static str,
        delay: i64,
        last_trigger: i64,
    ) -> Self {
        Self {
            instance,
            is_maintenance,
            calendar,
            period: period(calendar),
            delay,
            timer_works: true,
            last_trigger,
            run: None,
            retry_in: None,
            unsettled: None,
            attempt: 1,
            crash: None,
        }
    }

    /// Whether a run is under way, or will be without anybody's doing.
    pub fn is_busy(&self) -> bool {
        self.run.is_some() || self.retry_in.is_some()
    }

    /// systemd takes no start for one of the future.
    pub fn forget_future(&mut self, shown: i64) {
        self.last_trigger = self.last_trigger.min(shown);
    }

    /// Why the last run has crashed, if it has.
    pub fn crash(&self) -> Option<Crash> {
        self.crash.clone()
    }

    /// Ends with the machine, which may lose its power. Returns what has ended, including
    /// attempts that nobody repeats any more.
    pub fn end(&mut self, number: usize, host: &Host, shown: i64, loses_power: bool) -> Vec<Ended> {
        (self.retry_in, self.crash) = (None, None);
        let run = self.run.take();
        let outcome = match (&run, loses_power, self.is_maintenance) {
            // Written at boot by the recovery.
            (Some(_), true, false) => Some(Outcome::Failed),
            (Some(_), false, _) => Some(Outcome::Cancelled),
            (Some(_), true, true) | (None, ..) => None,
        };
        let ended = if let Some((run, outcome)) = run.zip(outcome) {
            self.record(host, &run, outcome, shown, false);
            self.settle(Ended::new(number, &run.id, outcome, 0))
        } else {
            self.settle_last(number).into_iter().collect()
        };
        self.attempt = 1;
        ended
    }

    pub fn unit(&self) -> String {
        service(
            self.instance,
            if self.is_maintenance { MAINTAIN } else { "" },
        )
    }

    /// Starts a run if it is time. Returns whether it did.
    pub fn start(&mut self, shown: i64, random: &mut Random, id: &str) -> bool {
        if self.run.is_some() {
            return false;
        }
        match &mut self.retry_in {
            Some(minutes) if *minutes > 0 => {
                *minutes -= 1;
                return false;
            }
            Some(_) => {
                self.retry_in = None;
                self.attempt += 1;
            }
            None => {
                let due = next(self.period, self.last_trigger) + self.delay;
                if !self.timer_works || shown < due {
                    return false;
                }
                self.last_trigger = shown;
                self.attempt = 1;
            }
        }
        self.crash = None;
        let length = random.between(1, 30);
        self.run = Some(Run {
            id: id.to_owned(),
            started: shown,
            waits: if random.one_in(12) {
                random.between(1, 8 * 60)
            } else {
                0
            },
            works: length,
            length,
            fate: self.fate(random),
        });
        true
    }

    fn fate(&self, random: &mut Random) -> Fate {
        let dice = random.between(0, 99);
        if self.is_maintenance {
            return match dice {
                0..10 => Fate::Fails,
                10..13 => Fate::Crash,
                _ => Fate::Success,
            };
        }
        // Who has failed for now does so again.
        if self.attempt > 1 && dice < 60 {
            return Fate::FailsForNow;
        }
        match dice {
            0..8 => Fate::FailsForNow,
            8..14 => Fate::Fails,
            14..16 => Fate::Crash,
            16..19 => Fate::Incomplete,
            19..22 => Fate::CleanupFails,
            22..26 => Fate::Skipped,
            _ => Fate::Success,
        }
    }

    /// Works for a minute. Returns what has ended for good.
    pub fn work(
        &mut self,
        number: usize,
        host: &Host,
        shown: i64,
        random: &mut Random,
    ) -> Vec<Ended> {
        match &mut self.run {
            None => return Vec::new(),
            Some(run) if run.waits > 0 => {
                run.waits -= 1;
                return Vec::new();
            }
            Some(run) if run.works > 1 => {
                run.works -= 1;
                return Vec::new();
            }
            Some(_) => {}
        }
        let Some(run) = self.run.take() else {
            return Vec::new();
        };
        let outcome = match run.fate {
            Fate::Success | Fate::CleanupFails => Outcome::Success,
            Fate::Fails | Fate::FailsForNow | Fate::Crash => Outcome::Failed,
            Fate::Incomplete => Outcome::Incomplete,
            Fate::Skipped => Outcome::Skipped,
        };
        let cleanup_failed = run.fate == Fate::CleanupFails;
        let has_record = run.fate != Fate::Crash;
        if has_record {
            self.record(host, &run, outcome, shown, cleanup_failed);
        }
        if run.fate == Fate::FailsForNow && self.attempt < ATTEMPTS {
            self.retry_in = Some(random.between(1, 60));
            self.unsettled = Some(run.id);
            return Vec::new();
        }
        if outcome == Outcome::Failed {
            self.crash = Some(Crash {
                invocation: run.id.clone(),
                cause: "exit status 1".to_owned(),
            });
        }
        let ended = Ended {
            cleanup_failed,
            has_record,
            ..Ended::new(number, &run.id, outcome, run.length)
        };
        self.settle(ended)
    }

    /// A run that says nothing about whether backups work leaves it at the attempt before.
    fn settle(&mut self, ended: Ended) -> Vec<Ended> {
        let silent = matches!(ended.outcome, Outcome::Skipped | Outcome::Cancelled);
        let before = self.settle_last(ended.job).filter(|_| silent);
        before.into_iter().chain([ended]).collect()
    }

    fn settle_last(&mut self, number: usize) -> Option<Ended> {
        let id = self.unsettled.take()?;
        Some(Ended::new(number, &id, Outcome::Failed, 0))
    }

    #[allow(clippy::cast_precision_loss)]
    fn record(&self, host: &Host, run: &Run, outcome: Outcome, shown: i64, cleanup_failed: bool) {
        let directories = host.instance(self.instance);
        let failed = outcome != Outcome::Success;
        let error = failed.then(|| Problem::new("the disk is full", "make room"));
        let phases = vec![Phase {
            name: "backup".to_owned(),
            started: time(run.started),
            seconds: (run.length * MINUTE) as f64,
        }];
        if self.is_maintenance {
            let done = MaintenanceResults {
                check: Some(CheckResult::Sound),
                data_read: Some(100),
                retention: Some(StepResult::Success),
                prune: Some(StepResult::Success),
                ..MaintenanceResults::default()
            };
            let record = MaintenanceRecord {
                version: VERSION,
                instance: self.instance.to_owned(),
                provider: "restic".to_owned(),
                run_id: run.id.clone(),
                started: time(run.started),
                finished: time(shown),
                outcome,
                error,
                done: if failed {
                    MaintenanceResults::default()
                } else {
                    done
                },
                phases,
            };
            return write_maintenance(&directories, &record);
        }
        let record = Record {
            version: VERSION,
            instance: self.instance.to_owned(),
            provider: "restic".to_owned(),
            run_id: run.id.clone(),
            attempt: self.attempt,
            started: time(run.started),
            finished: time(shown),
            outcome,
            cleanup_failed,
            error,
            snapshot: (!failed).then(|| run.id.repeat(2)),
            totals: None,
            phases,
        };
        write_record(&directories, &record);
    }

    pub fn unit_state(&self) -> (&'static str, &'static str) {
        if self.run.is_some() {
            ("activating", "start")
        } else if self.retry_in.is_some() {
            ("activating", "auto-restart")
        } else if self.crash.is_some() {
            ("failed", "failed")
        } else {
            ("inactive", "dead")
        }
    }
}

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}
