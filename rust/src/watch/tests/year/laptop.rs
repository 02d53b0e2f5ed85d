//! A laptop: its clocks, its jobs, and as much of systemd as the monitor sees.
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

use super::jobs::{DAY, Ended, HOUR, Job, MINUTE, next, period, time};
use super::random::Random;
use crate::base::cancel::Cancel;
use crate::base::paths::Host;
use crate::base::unit_names::timer;
use crate::systemd::Crash;
use crate::systemd::units::{Activity, UnitError, UnitResult, Units};
use crate::watch::deadline::NextElapse;
use crate::watch::system::{System, UnitState};
use crate::watch::uptime::Uptime;

/// First boot, a Monday at noon.
const START: i64 = 1_800_000_000 / (7 * DAY) * 7 * DAY + 4 * DAY + 12 * HOUR;

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
        let jobs = vec![
            Job::new("cloud", false, "daily", 7 * MINUTE, START),
            Job::new("mail", false, "weekly", 2 * MINUTE, START),
            Job::new("cloud", true, "weekly", 5 * MINUTE, START),
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
            job.forget_future(shown);
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
        self.state.borrow().jobs[job].is_busy()
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
            ended.extend(job.end(number, &host, shown, loses_power));
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
        Ok(job.and_then(Job::crash).unwrap())
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
