//! A systemd that remembers what it was asked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use backupservice::base::cancel::Cancel;
use backupservice::base::paths::InstancePaths;
use backupservice::base::problem::Problem;
use backupservice::steps::hook_facts::HookFacts;
use backupservice::systemd::units::{Activity, Reason, UnitError, UnitResult, Units};

use super::Log;

pub struct FakeUnits {
    log: Log,
    cancel: Cancel,
    active: RefCell<BTreeSet<String>>,
    activations: RefCell<BTreeMap<String, u32>>,
    along: RefCell<BTreeMap<String, Vec<String>>>,
    triggers: RefCell<BTreeMap<String, Vec<String>>>,
    failing: RefCell<BTreeMap<String, UnitResult>>,
    cancelling: RefCell<BTreeSet<String>>,
    staging: RefCell<PathBuf>,
    restored: RefCell<PathBuf>,
    hook_facts: RefCell<PathBuf>,
    empty_dumps: Cell<bool>,
    pub shutdown: Cell<bool>,
    pub restarts: Cell<u32>,
}

impl FakeUnits {
    pub fn new(log: Log, cancel: Cancel) -> Self {
        Self {
            log,
            cancel,
            active: RefCell::default(),
            activations: RefCell::default(),
            along: RefCell::default(),
            triggers: RefCell::default(),
            failing: RefCell::default(),
            cancelling: RefCell::default(),
            staging: RefCell::default(),
            restored: RefCell::default(),
            hook_facts: RefCell::default(),
            empty_dumps: Cell::new(false),
            shutdown: Cell::new(false),
            restarts: Cell::new(0),
        }
    }

    pub fn run(&self, unit: &str) {
        let unit = short(unit);
        self.active.borrow_mut().insert(unit.to_owned());
        let mut activations = self.activations.borrow_mut();
        *activations.entry(unit.to_owned()).or_default() += 1;
    }

    /// It runs, and has ended by the time that anybody looks.
    pub fn run_shortly(&self, unit: &str) {
        self.run(unit);
        self.active.borrow_mut().remove(unit);
    }

    pub fn runs(&self, unit: &str) -> bool {
        let unit = short(unit);
        self.active.borrow().contains(unit)
    }

    /// A stop of `unit` takes `other` down.
    pub fn stops_along(&self, unit: &str, other: &str) {
        let mut along = self.along.borrow_mut();
        along
            .entry(unit.to_owned())
            .or_default()
            .push(other.to_owned());
    }

    pub fn triggers(&self, unit: &str, trigger: &str) {
        let mut triggers = self.triggers.borrow_mut();
        triggers
            .entry(unit.to_owned())
            .or_default()
            .push(trigger.to_owned());
    }

    pub fn fails(&self, unit: &str) {
        let unit = short(unit);
        let result = UnitResult {
            job: "failed".to_owned(),
            result: "exit-code".to_owned(),
            exit_status: 3,
            invocation_id: "feed".to_owned(),
            cancelled: false,
        };
        self.failing.borrow_mut().insert(unit.to_owned(), result);
    }

    /// It was started too often, until that is forgotten.
    pub fn is_limited(&self, unit: &str) {
        self.fails(unit);
        if let Some(result) = self.failing.borrow_mut().get_mut(unit) {
            "start-limit-hit".clone_into(&mut result.result);
        }
    }

    /// A cancel request comes while `unit` is started.
    pub fn is_cancelled_in(&self, unit: &str) {
        let unit = short(unit);
        self.cancelling.borrow_mut().insert(unit.to_owned());
    }

    pub fn belongs_to(&self, directories: &InstancePaths) {
        *self.staging.borrow_mut() = directories.staging();
        *self.restored.borrow_mut() = directories.restored_dumps();
        *self.hook_facts.borrow_mut() = directories.hook_facts();
    }

    pub fn dumps_nothing(&self) {
        self.empty_dumps.set(true);
    }

    fn check(&self, unit: &str) -> Result<(), UnitError> {
        if self.shutdown.get() {
            return Err(UnitError {
                reason: Reason::Refused,
                problem: Problem::new(format!("{unit} may not be touched"), "ask"),
            });
        }
        Ok(())
    }
}

/// Hooks, dumps and loads without what their instance is called.
fn short(unit: &str) -> &str {
    unit.strip_prefix("backupservice-app-").unwrap_or(unit)
}

impl Units for FakeUnits {
    fn start_and_wait(&self, unit: &str, cancel: &Cancel) -> Result<UnitResult, UnitError> {
        let unit = short(unit);
        self.check(unit)?;
        if self.cancelling.borrow().contains(unit) {
            self.cancel.request();
        }
        if cancel.requested() {
            self.log
                .happens(format!("stop {unit}, which was being started"));
            return Ok(UnitResult {
                cancelled: true,
                ..UnitResult::default()
            });
        }
        let facts = HookFacts::read(&self.hook_facts.borrow()).unwrap();
        let outcome = facts.and_then(|facts| facts.outcome);
        let is_after = unit.starts_with("after-");
        let outcome = outcome
            .filter(|_| is_after)
            .map(|outcome| format!(" {}", outcome.as_str()));
        self.log
            .happens(format!("start {unit}{}", outcome.unwrap_or_default()));
        if let Some(stream) = unit
            .strip_prefix("dump-")
            .and_then(|rest| rest.strip_suffix(".service"))
        {
            let content = if self.empty_dumps.get() { "" } else { "dump" };
            fs::write(self.staging.borrow().join(stream), content).unwrap();
        }
        if unit.starts_with("load-") {
            let content = fs::read_to_string(self.restored.borrow().join("db")).unwrap();
            assert_eq!(content, "dump", "what is loaded is what was dumped");
        }
        if let Some(result) = self.failing.borrow().get(unit) {
            return Ok(result.clone());
        }
        // Hooks, dumps and loads have ended once they have started.
        if unit.starts_with("app") || !unit.contains('-') {
            self.run(unit);
        }
        Ok(UnitResult {
            job: "done".to_owned(),
            result: "success".to_owned(),
            ..UnitResult::default()
        })
    }

    fn stop_and_wait(&self, unit: &str) -> Result<(), UnitError> {
        let unit = short(unit);
        self.check(unit)?;
        self.log.happens(format!("stop {unit}"));
        let mut down = vec![unit.to_owned()];
        while let Some(unit) = down.pop() {
            self.active.borrow_mut().remove(&unit);
            down.extend(self.along.borrow().get(&unit).cloned().unwrap_or_default());
        }
        Ok(())
    }

    fn forget_starts(&self, unit: &str) -> Result<(), UnitError> {
        let unit = short(unit);
        self.log.happens(format!("forget starts of {unit}"));
        self.failing.borrow_mut().remove(unit);
        Ok(())
    }

    fn activity(&self, unit: &str) -> Result<Activity, UnitError> {
        if unit.starts_with("nonexistent") {
            return Err(UnitError {
                reason: Reason::NotFound,
                problem: Problem::new(format!("there is no unit {unit}"), "create it"),
            });
        }
        Ok(if self.runs(unit) {
            Activity::Active
        } else {
            Activity::Inactive
        })
    }

    fn active(&self, pattern: &str) -> Result<Vec<String>, UnitError> {
        let (start, end) = short(pattern).split_once('*').unwrap();
        let active = self.active.borrow();
        let matching = active
            .iter()
            .filter(|unit| unit.starts_with(start) && unit.ends_with(end));
        Ok(matching.cloned().collect())
    }

    fn stopped_along(&self, unit: &str) -> Result<Vec<String>, UnitError> {
        Ok(self.along.borrow().get(unit).cloned().unwrap_or_default())
    }

    fn triggers(&self, unit: &str) -> Result<Vec<String>, UnitError> {
        Ok(self
            .triggers
            .borrow()
            .get(unit)
            .cloned()
            .unwrap_or_default())
    }

    fn restarts(&self, _: &str) -> Result<u32, UnitError> {
        Ok(self.restarts.get())
    }

    fn last_activation(&self, unit: &str) -> Result<String, UnitError> {
        let activations = self.activations.borrow();
        Ok(activations
            .get(unit)
            .map(u32::to_string)
            .unwrap_or_default())
    }

    fn shutting_down(&self) -> bool {
        self.shutdown.get()
    }
}
