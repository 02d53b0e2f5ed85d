//! A laptop: its clocks, and as much of systemd and of backups as the monitor sees.
//!
//! Minute by minute, while it is awake. Knows the truth, the monitor only what the clock and
//! the files say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::random::Random;
use crate::base::cancel::Cancel;
use crate::base::outcome::Outcome;
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::base::unit_names::{MAINTAIN, service, timer};
use crate::report::maintenance::{CheckResult, MaintenanceRecord, MaintenanceResults, StepResult};
use crate::report::record::{Phase, Record, VERSION};
use crate::report::{write_maintenance, write_record};
use crate::systemd::Crash;
use crate::systemd::retries::ATTEMPTS;
use crate::systemd::units::{Activity, UnitError, UnitResult, Units};
use crate::watch::deadline::NextElapse;
use crate::watch::system::{System, UnitState};
use crate::watch::uptime::Uptime;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// First boot, a Monday at noon.
const START: i64 = 1_800_000_000 / (7 * DAY) * 7 * DAY + 4 * DAY + 12 * HOUR;

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

/// Notification that a hook has accepted.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub hook: String,
    pub event: Value,
}

/// The laptop.
pub(super) struct Laptop {
    pub root: TempDir,
    state: RefCell<State>,
}

struct State {
    /// The true time.
    time: i64,
    /// Seconds by which the clock is wrong.
    wrong_by: i64,
    /// Milliseconds since the minute began: each look at the clock takes one.
    ticks: i64,
    /// Seconds awake since boot.
    awake: i64,
    boot: u32,
    has_network: bool,
    jobs: Vec<Job>,
    runs: u32,
    messages: Vec<Message>,
}

impl Laptop {
    pub fn new() -> Self {
        // A year of saves: better not to a disk.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let job = |instance, is_maintenance, calendar, delay| Job {
            instance,
            is_maintenance,
            calendar,
            period: period(calendar),
            delay,
            timer_works: true,
            last_trigger: START,
            run: None,
            retry_in: None,
            unsettled: None,
            attempt: 1,
            crash: None,
        };
        let jobs = vec![
            job("cloud", false, "daily", 7 * MINUTE),
            job("mail", false, "weekly", 2 * MINUTE),
            job("cloud", true, "weekly", 5 * MINUTE),
        ];
        let laptop = Self {
            root: root.unwrap(),
            state: RefCell::new(State {
                time: START,
                wrong_by: 0,
                ticks: 0,
                awake: 0,
                boot: 1,
                has_network: true,
                jobs,
                runs: 0,
                messages: Vec::new(),
            }),
        };
        laptop.write_plans();
        laptop
    }

    fn write_plans(&self) {
        let plans = self.host().plans();
        fs::create_dir_all(&plans).unwrap();
        for job in self.jobs().iter().filter(|job| !job.is_maintenance) {
            let schedule =
                |job: &Job| json!({ "calendar": job.calendar, "randomizedDelay": "10min" });
            let mut plan = json!({
                "version": 1, "instance": job.instance, "provider": { "type": "restic" },
                "schedule": schedule(job),
            });
            let jobs = self.jobs();
            let mut maintenance = jobs.iter().filter(|other| other.is_maintenance);
            if let Some(own) = maintenance.find(|other| other.instance == job.instance) {
                plan["maintenance"] = json!({ "readData": 100, "schedule": schedule(own) });
            }
            let file = plans.join(format!("{}.json", job.instance));
            fs::write(file, plan.to_string()).unwrap();
            fs::create_dir_all(self.host().instance(job.instance).state).unwrap();
        }
    }

    pub fn host(&self) -> Host {
        Host::new(self.root.path())
    }

    /// The true time.
    pub fn time(&self) -> i64 {
        self.state.borrow().time
    }

    /// The time that the clock shows.
    pub fn shown(&self) -> i64 {
        let state = self.state.borrow();
        state.time + state.wrong_by
    }

    pub fn wrong_by(&self) -> i64 {
        self.state.borrow().wrong_by
    }

    /// Makes the clock wrong by some seconds. systemd then takes no start for one of the future.
    pub fn set_clock(&self, wrong_by: i64) {
        self.state.borrow_mut().wrong_by = wrong_by;
        let shown = self.shown();
        for job in &mut self.state.borrow_mut().jobs {
            job.last_trigger = job.last_trigger.min(shown);
        }
    }

    pub fn has_network(&self) -> bool {
        self.state.borrow().has_network
    }

    pub fn set_network(&self, is_up: bool) {
        self.state.borrow_mut().has_network = is_up;
    }

    pub fn set_timer(&self, job: usize, works: bool) {
        self.state.borrow_mut().jobs[job].timer_works = works;
    }

    pub fn jobs(&self) -> Vec<Job> {
        self.state.borrow().jobs.clone()
    }

    /// Whether a run of a job is under way, or will be without anybody's doing.
    pub fn is_busy(&self, job: usize) -> bool {
        let state = self.state.borrow();
        let job = &state.jobs[job];
        job.run.is_some() || job.retry_in.is_some()
    }

    /// Messages that hooks have accepted since the last call.
    pub fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut self.state.borrow_mut().messages)
    }

    pub fn sleep(&self, seconds: i64) {
        self.state.borrow_mut().time += seconds;
    }

    /// Is off for some seconds, and then boots. Without power it does not end its runs.
    /// Returns what has ended, including attempts that nobody repeats any more.
    pub fn boot_after(&self, seconds: i64, loses_power: bool) -> Vec<Ended> {
        let shown = self.shown();
        let mut ended = Vec::new();
        let (host, mut state) = (self.host(), self.state.borrow_mut());
        for (number, job) in state.jobs.iter_mut().enumerate() {
            (job.retry_in, job.crash) = (None, None);
            let run = job.run.take();
            let outcome = match (&run, loses_power, job.is_maintenance) {
                // Written at boot by the recovery.
                (Some(_), true, false) => Some(Outcome::Failed),
                (Some(_), false, _) => Some(Outcome::Cancelled),
                (Some(_), true, true) | (None, ..) => None,
            };
            if let Some((run, outcome)) = run.zip(outcome) {
                job.record(&host, &run, outcome, shown, false);
                ended.extend(job.settle(Ended::new(number, &run.id, outcome, 0)));
            } else {
                ended.extend(job.settle_last(number));
            }
            job.attempt = 1;
        }
        state.time += seconds;
        state.awake = 0;
        state.boot += 1;
        ended
    }

    /// Lives for a minute. Returns the runs that have ended for good.
    pub fn minute(&self, random: &mut Random) -> Vec<Ended> {
        let host = self.host();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.time += MINUTE;
        state.awake += MINUTE;
        state.ticks = 0;
        let shown = state.time + state.wrong_by;
        let mut ended = Vec::new();
        for (number, job) in state.jobs.iter_mut().enumerate() {
            let id = format!("{:032x}", state.runs + 1);
            if job.start(shown, random, &id) {
                state.runs += 1;
            }
            ended.extend(job.work(number, &host, shown, random));
        }
        ended
    }
}

fn period(calendar: &str) -> i64 {
    match calendar {
        "daily" => DAY,
        "weekly" => 7 * DAY,
        other => unreachable!("{other}"),
    }
}

impl Job {
    fn unit(&self) -> String {
        service(
            self.instance,
            if self.is_maintenance { MAINTAIN } else { "" },
        )
    }

    /// Starts a run if it is time. Returns whether it did.
    fn start(&mut self, shown: i64, random: &mut Random, id: &str) -> bool {
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
    fn work(&mut self, number: usize, host: &Host, shown: i64, random: &mut Random) -> Vec<Ended> {
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

    fn unit_state(&self) -> (&'static str, &'static str) {
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

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

impl System for Laptop {
    fn now(&self) -> Timestamp {
        let mut state = self.state.borrow_mut();
        state.ticks += 1;
        time(state.time + state.wrong_by) + SignedDuration::from_millis(state.ticks)
    }

    #[allow(clippy::cast_precision_loss)]
    fn uptime(&self) -> Uptime {
        let state = self.state.borrow();
        Uptime {
            awake: state.awake as f64,
            boot_id: Some(state.boot.to_string()),
        }
    }

    fn credentials(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    fn units(&self, _: &[String]) -> Result<BTreeMap<String, UnitState>> {
        let state = |load: &str, active: &str, sub: &str| UnitState {
            load: load.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            disabled: false,
        };
        let mut units = BTreeMap::new();
        for job in self.jobs() {
            let (active, sub) = job.unit_state();
            units.insert(job.unit(), state("loaded", active, sub));
            let (active, sub) = if job.timer_works {
                ("active", "waiting")
            } else {
                ("inactive", "dead")
            };
            if !job.is_maintenance {
                units.insert(timer(job.instance, ""), state("loaded", active, sub));
            }
        }
        Ok(units)
    }

    fn crash(&self, unit: &str) -> Result<Crash> {
        let jobs = self.jobs();
        let job = jobs.iter().find(|job| job.unit() == unit);
        Ok(job.and_then(|job| job.crash.clone()).unwrap())
    }

    fn next(&self, calendar: &str, after: Timestamp) -> Result<NextElapse> {
        let elapse = next(period(calendar), after.as_second());
        Ok(NextElapse::At(time(elapse)))
    }
}

impl Units for Laptop {
    fn start_and_wait(&self, unit: &str, _: &Cancel) -> Result<UnitResult, UnitError> {
        let hook = unit.trim_start_matches("backupservice-notify-");
        let hook = hook.trim_end_matches(".service").to_owned();
        let input = fs::read(self.root.path().join(format!("{hook}.json"))).unwrap();
        let event = serde_json::from_slice(&input).unwrap();
        let mut state = self.state.borrow_mut();
        let accepted = hook == "local" || state.has_network;
        if accepted {
            state.messages.push(Message { hook, event });
        }
        Ok(UnitResult {
            job: "done".to_owned(),
            result: if accepted { "success" } else { "exit-code" }.to_owned(),
            exit_status: 7,
            ..UnitResult::default()
        })
    }

    fn stop_and_wait(&self, _: &str) -> Result<(), UnitError> {
        unimplemented!("the monitor stops nothing")
    }

    fn forget_starts(&self, _: &str) -> Result<(), UnitError> {
        unimplemented!("hooks have no start limit")
    }

    fn activity(&self, _: &str) -> Result<Activity, UnitError> {
        unimplemented!("the monitor lists all units at once")
    }

    fn active(&self, _: &str) -> Result<Vec<String>, UnitError> {
        unimplemented!("the monitor stops nothing")
    }

    fn stopped_along(&self, _: &str) -> Result<Vec<String>, UnitError> {
        unimplemented!("the monitor stops nothing")
    }

    fn triggers(&self, _: &str) -> Result<Vec<String>, UnitError> {
        unimplemented!("the monitor stops nothing")
    }

    fn restarts(&self, _: &str) -> Result<u32, UnitError> {
        unimplemented!("records contain the attempt")
    }

    fn last_activation(&self, _: &str) -> Result<String, UnitError> {
        unimplemented!("records tell the attempt")
    }

    fn shutting_down(&self) -> bool {
        false
    }
}
