//! A machine with a simulated systemd and hook.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::base::cancel::Cancel;
use crate::base::outcome::Outcome;
use crate::report::record::{Problem, Record, Totals, VERSION};
use crate::report::{maintenance, write_record};
use crate::systemd::units::{Activity, UnitError, UnitResult};
use crate::watch::config::{Config, NotifyHook};
use crate::watch::deadline::NextElapse;
use crate::watch::system::{Crash, System, UnitState};
use crate::watch::*;

/// Record of run `number`, one hour after the previous one.
pub(in crate::watch) fn record(outcome: Outcome, number: i64) -> Record {
    let at = Timestamp::from_second(1_800_000_000 + number * 3600).unwrap();
    let success = outcome == Outcome::Success;
    Record {
        version: VERSION,
        instance: "cloud".to_owned(),
        provider: "restic".to_owned(),
        run_id: format!("{number:032x}"),
        attempt: 1,
        started: at,
        finished: at,
        outcome,
        cleanup_failed: false,
        error: (!success).then(|| Problem::new("the disk is full", "make room")),
        snapshot: success.then(|| format!("{number:064x}")),
        totals: success.then_some(Totals {
            files: 3,
            bytes: 1000,
            bytes_added: 10,
        }),
        phases: Vec::new(),
    }
}

/// A machine with a simulated systemd and hook.
pub(super) struct FakeMachine {
    pub root: TempDir,
    hour: RefCell<i64>,
    units: RefCell<BTreeMap<String, UnitState>>,
    pub crash: RefCell<Option<Crash>>,
    pub hook_fails: RefCell<bool>,
    sent: RefCell<Vec<Value>>,
}

impl FakeMachine {
    pub fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            hour: RefCell::new(0),
            units: RefCell::default(),
            crash: RefCell::default(),
            hook_fails: RefCell::new(false),
            sent: RefCell::default(),
        };
        machine.plan("cloud");
        machine.unit(".timer", "active", "waiting");
        machine
    }

    pub fn host(&self) -> Host {
        Host::new(self.root.path())
    }

    pub fn plan(&self, name: &str) {
        let plan = json!({
            "version": 1, "instance": name, "provider": { "type": "restic" },
            "schedule": { "calendar": "hourly", "randomizedDelay": "10min" },
        });
        let plans = self.host().plans();
        fs::create_dir_all(&plans).unwrap();
        fs::write(plans.join(format!("{name}.json")), plan.to_string()).unwrap();
        fs::create_dir_all(self.host().instance(name).state).unwrap();
    }

    pub fn unit(&self, suffix: &str, active: &str, sub: &str) {
        let state = UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            disabled: false,
        };
        let name = format!("backupservice-cloud{suffix}");
        self.units.borrow_mut().insert(name, state);
    }

    pub fn ran(&self, record: &Record) {
        write_record(&self.host().instance("cloud"), record);
    }

    pub fn maintained(&self, outcome: Outcome, number: i64) {
        let run = record(outcome, number);
        let record = maintenance::MaintenanceRecord {
            version: VERSION,
            instance: run.instance,
            provider: run.provider,
            run_id: run.run_id,
            started: run.started,
            finished: run.finished,
            outcome,
            error: run.error,
            done: maintenance::MaintenanceResults::default(),
            phases: Vec::new(),
        };
        let json = serde_json::to_vec(&record).unwrap();
        fs::write(self.host().instance("cloud").last_maintenance(), json).unwrap();
    }

    /// One hook, and metrics.
    pub fn config(&self) -> Config {
        // Made by systemd-tmpfiles.
        let input = self.root.path().join("x.json");
        fs::write(&input, "").unwrap();
        let hook = NotifyHook {
            unit: "backupservice-notify-x.service".to_owned(),
            input,
            instances: None,
        };
        Config {
            version: config::VERSION,
            grace: Duration::from_hours(1),
            systemd_analyze: PathBuf::new(),
            apprise: None,
            ping: None,
            hooks: BTreeMap::from([("x".to_owned(), hook)]),
            textfile: Some(self.root.path().join("metrics.prom")),
        }
    }

    /// Scans at this hour; returns the exit status and the kinds of events sent to the hook.
    pub fn scan(&self, hour: i64) -> (u8, Vec<String>) {
        self.hour.replace(hour);
        self.sent.borrow_mut().clear();
        let status = run(&self.host(), &self.config(), self, self).unwrap();
        let sent = self.sent.borrow();
        let kind = |event: &Value| event["kind"].as_str().unwrap().to_owned();
        (status, sent.iter().map(kind).collect())
    }

    pub fn events(&self) -> Vec<Event> {
        store::events(&self.host().events()).unwrap()
    }
}

impl System for FakeMachine {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + *self.hour.borrow() * 3600).unwrap()
    }

    #[allow(clippy::cast_precision_loss)]
    fn awake(&self) -> f64 {
        (*self.hour.borrow() * 3600) as f64
    }

    fn units(&self, names: &[String]) -> Result<BTreeMap<String, UnitState>> {
        assert!(names.contains(&"backupservice-cloud.timer".to_owned()));
        Ok(self.units.borrow().clone())
    }

    fn crash(&self, _: &str) -> Result<Crash> {
        Ok(self.crash.borrow().clone().unwrap())
    }

    fn next(&self, calendar: &str, after: Timestamp) -> Result<NextElapse> {
        assert_eq!(calendar, "hourly");
        let next = (after.as_second() / 3600 + 1) * 3600;
        Ok(NextElapse::At(Timestamp::from_second(next)?))
    }
}

impl Units for FakeMachine {
    fn start_and_wait(&self, _: &str, _: &Cancel) -> Result<UnitResult, UnitError> {
        let fails = *self.hook_fails.borrow();
        if !fails {
            let input = fs::read(self.root.path().join("x.json")).unwrap();
            self.sent
                .borrow_mut()
                .push(serde_json::from_slice(&input).unwrap());
        }
        Ok(UnitResult {
            job: "done".to_owned(),
            result: if fails { "exit-code" } else { "success" }.to_owned(),
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
