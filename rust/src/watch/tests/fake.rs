//! A machine with a simulated systemd and hook.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::base::cancel::Cancel;
use crate::base::outcome::Outcome;
use crate::report::record::{Problem, Record, Totals, VERSION};
use crate::report::{maintenance, write_maintenance, write_record};
use crate::systemd::Crash;
use crate::systemd::units::{Activity, UnitError, UnitResult};
use crate::watch::config::{ChannelConfig, Config, NotifyHook, ProgramChannels};
use crate::watch::deadline::NextElapse;
use crate::watch::system::{System, UnitState};
use crate::watch::uptime::Uptime;
use crate::watch::*;

/// Record of run `number`, one hour after the previous one.
pub(crate) fn record(outcome: Outcome, number: i64) -> Record {
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
pub(crate) struct FakeMachine {
    pub root: TempDir,
    hour: RefCell<i64>,
    /// Milliseconds added by each look at the clock.
    ticks: RefCell<i64>,
    /// Hours by which the clock is wrong.
    pub wrong_by: RefCell<i64>,
    boot: RefCell<u32>,
    booted_at: RefCell<i64>,
    units: RefCell<BTreeMap<String, UnitState>>,
    pub crash: RefCell<Option<Crash>>,
    pub hook_fails: RefCell<bool>,
    /// Instance whose events the hook refuses.
    pub refused: RefCell<Option<&'static str>>,
    /// Calls of systemd and of the clock until the monitor is killed.
    pub dies_after: RefCell<Option<u32>>,
    /// URLs for Apprise, one a line.
    pub addresses: RefCell<String>,
    /// There is a ping channel, too.
    pub pings: RefCell<bool>,
    sent: RefCell<Vec<Value>>,
}

impl FakeMachine {
    pub fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            hour: RefCell::new(0),
            ticks: RefCell::new(0),
            wrong_by: RefCell::new(0),
            boot: RefCell::new(1),
            booted_at: RefCell::new(0),
            units: RefCell::default(),
            crash: RefCell::default(),
            hook_fails: RefCell::new(false),
            refused: RefCell::default(),
            dies_after: RefCell::default(),
            addresses: RefCell::default(),
            pings: RefCell::new(false),
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
        write_record(&self.host().instance(&record.instance), record);
    }

    pub fn maintained(&self, outcome: Outcome, number: i64) {
        self.maintained_with(outcome, number, maintenance::MaintenanceResults::default());
    }

    pub fn maintained_with(
        &self,
        outcome: Outcome,
        number: i64,
        done: maintenance::MaintenanceResults,
    ) {
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
            done,
            phases: Vec::new(),
        };
        write_maintenance(&self.host().instance("cloud"), &record);
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
            apprise: (!self.addresses.borrow().is_empty()).then(|| self.apprise()),
            ping: self.pings.borrow().then(|| self.ping()),
            hooks: BTreeMap::from([("x".to_owned(), hook)]),
            textfile: Some(self.root.path().join("metrics.prom")),
        }
    }

    /// Scans at this hour; returns the exit status and the kinds of events sent to the hook.
    pub fn scan(&self, hour: i64) -> (u8, Vec<String>) {
        self.hour.replace(hour);
        self.ticks.replace(0);
        self.sent.borrow_mut().clear();
        let status = run(&self.host(), &self.config(), self, self);
        let sent = self.sent.borrow();
        let kind = |event: &Value| event["kind"].as_str().unwrap().to_owned();
        (status, sent.iter().map(kind).collect())
    }

    /// Has the monitor scan at this hour until it is killed by its `calls`th call of the
    /// outside; returns whether it was.
    pub fn scan_and_die(&self, hour: i64, calls: u32) -> bool {
        self.dies_after.replace(Some(calls));
        self.hour.replace(hour);
        self.ticks.replace(0);
        let scan = || run(&self.host(), &self.config(), self, self);
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(scan)).is_err();
        self.dies_after.replace(None);
        died
    }

    /// Sends a test message through the channels called so.
    pub fn test_channels(&self, channel: Option<&str>) -> Result<notify_test::TestReport> {
        notify_test::run(&self.host(), &self.config(), self, self, channel)
    }

    /// What the clocks will show at this hour.
    pub fn at(&self, hour: i64) -> (Uptime, Timestamp) {
        self.hour.replace(hour);
        (self.uptime(), self.now())
    }

    /// Boots at this hour.
    pub fn boot(&self, hour: i64) {
        self.hour.replace(hour);
        self.booted_at.replace(hour);
        *self.boot.borrow_mut() += 1;
    }

    /// Gives the instance `cloud` a maintenance, too.
    pub fn plan_with_maintenance(&self, schedule: &str) {
        let path = self.host().plans().join("cloud.json");
        let mut plan: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        plan["maintenance"] = json!({
            "readData": 5, "schedule": { "calendar": schedule, "randomizedDelay": "0" },
        });
        fs::write(path, plan.to_string()).unwrap();
    }

    pub fn forget_sent(&self) {
        self.sent.borrow_mut().clear();
    }

    fn call(&self) {
        let mut left = self.dies_after.borrow_mut();
        if let Some(left) = &mut *left {
            assert!(*left > 0, "killed");
            *left -= 1;
        }
    }

    /// Kinds and instances of the events that the hook has accepted since the last scan began.
    pub fn accepted(&self) -> Vec<(String, String)> {
        let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        let sent = self.sent.borrow();
        sent.iter()
            .map(|event| (text(event, "kind"), text(event, "instance")))
            .collect()
    }

    /// Text of the last event that the hook has accepted.
    pub fn last_message(&self) -> String {
        let sent = self.sent.borrow();
        let last = sent.last().unwrap();
        last["message"].as_str().unwrap().to_owned()
    }

    /// Titles that Apprise has sent to this URL, oldest first.
    pub fn inbox(&self, url: &str) -> Vec<String> {
        let inbox = fs::read_to_string(self.root.path().join("inbox")).unwrap_or_default();
        let mine = inbox.lines().filter_map(|line| line.split_once(' '));
        mine.filter(|(to, _)| *to == url)
            .map(|(_, title)| title.to_owned())
            .collect()
    }

    /// A stand-in for Apprise: sends to all URLs in the file, and fails as a whole if one of
    /// them contains `bad`.
    fn apprise(&self) -> ProgramChannels {
        let program = self.root.path().join("apprise");
        let inbox = self.root.path().join("inbox");
        let script = format!(
            "#!/bin/sh\nfor argument; do case $argument in --config=*) urls=${{argument#*=}};; \
             --title=*) title=${{argument#*=}};; esac; done\nstatus=0\n\
             while read -r url; do case $url in *bad*) status=1;; \
             *) echo \"$url $title\" >> {};; esac; done < \"$urls\"\nexit $status\n",
            inbox.display()
        );
        if !program.exists() {
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(
            self.root.path().join("apprise-phone"),
            self.addresses.borrow().as_bytes(),
        )
        .unwrap();
        ProgramChannels {
            program,
            channels: BTreeMap::from([("phone".to_owned(), ChannelConfig::default())]),
        }
    }

    /// A stand-in for curl, which keeps what it is told.
    fn ping(&self) -> ProgramChannels {
        let program = self.root.path().join("curl");
        if !program.exists() {
            let told = self.root.path().join("pinged");
            let script = format!("#!/bin/sh\ncat > {}\n", told.display());
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(self.root.path().join("ping-all"), "https://ping/1").unwrap();
        }
        ProgramChannels {
            program,
            channels: BTreeMap::from([("all".to_owned(), ChannelConfig::default())]),
        }
    }

    /// Whether the last ping said that all is well; none before the first.
    pub fn pinged_well(&self) -> Option<bool> {
        let told = fs::read_to_string(self.root.path().join("pinged")).ok()?;
        Some(!told.contains("https://ping/1/fail"))
    }

    pub fn metrics(&self) -> String {
        fs::read_to_string(self.root.path().join("metrics.prom")).unwrap()
    }

    pub fn events(&self) -> Vec<Event> {
        store::events(&self.host())
    }
}

impl System for FakeMachine {
    fn now(&self) -> Timestamp {
        self.call();
        *self.ticks.borrow_mut() += 1;
        let hour = *self.hour.borrow() + *self.wrong_by.borrow();
        let hours = Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap();
        hours + SignedDuration::from_millis(*self.ticks.borrow())
    }

    #[allow(clippy::cast_precision_loss)]
    fn uptime(&self) -> Uptime {
        Uptime {
            awake: ((*self.hour.borrow() - *self.booted_at.borrow()) * 3600) as f64,
            boot_id: Some(self.boot.borrow().to_string()),
        }
    }

    fn credentials(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    fn units(&self, names: &[String]) -> Result<BTreeMap<String, UnitState>> {
        self.call();
        assert!(names.contains(&"backupservice-cloud.timer".to_owned()));
        Ok(self.units.borrow().clone())
    }

    fn crash(&self, _: &str) -> Result<Crash> {
        Ok(self.crash.borrow().clone().unwrap())
    }

    fn next(&self, calendar: &str, after: Timestamp) -> Result<NextElapse> {
        let period = match calendar {
            "hourly" => 3600,
            "weekly" => 7 * 24 * 3600,
            other => anyhow::bail!("cannot ask about {other}"),
        };
        let next = (after.as_second() / period + 1) * period;
        Ok(NextElapse::At(Timestamp::from_second(next)?))
    }
}

impl Units for FakeMachine {
    fn start_and_wait(&self, _: &str, _: &Cancel) -> Result<UnitResult, UnitError> {
        self.call();
        let input = fs::read(self.root.path().join("x.json")).unwrap();
        let event: Value = serde_json::from_slice(&input).unwrap();
        let refused = *self.refused.borrow();
        let fails =
            *self.hook_fails.borrow() || refused.is_some_and(|name| event["instance"] == name);
        if !fails {
            self.sent.borrow_mut().push(event);
        }
        self.call();
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

    fn active(&self, _: &str) -> Result<Vec<String>, UnitError> {
        unimplemented!()
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
