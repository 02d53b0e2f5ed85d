//! A machine in a temporary directory, with a systemd and a provider that only pretend.

pub mod fake_bus;
pub mod fake_provider;
pub mod fake_units;
#[macro_use]
pub mod real;
pub mod tools;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::{self, JoinHandle};

use backupservice::base::cancel::Cancel;
use backupservice::base::outcome::Failure;
use backupservice::base::paths::{Host, InstancePaths};
use backupservice::plan::Plan;
use backupservice::provider::{self, Provider};
use backupservice::run::invocation::{Invocation, Open};
use backupservice::run::{backup, maintain, recover, restore, snapshots};
use serde_json::{Value, json};
use tempfile::TempDir;

use fake_provider::{FakeProvider, Script};
use fake_units::FakeUnits;

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Rc<Inner>);

#[derive(Default)]
struct Inner {
    events: RefCell<Vec<String>>,
    dies_at: Cell<Option<usize>>,
}

impl Log {
    /// Something happens; perhaps the process does not survive it.
    pub fn happens(&self, event: impl Into<String>) {
        let event = event.into();
        if self.0.dies_at.get() == Some(self.0.events.borrow().len()) {
            self.0.dies_at.set(None);
            panic!("killed before: {event}");
        }
        self.0.events.borrow_mut().push(event);
    }

    /// The process dies here.
    pub fn dies_now(&self) {
        panic!("killed after {} events", self.0.events.borrow().len());
    }

    /// The process dies before this event, counted from 0.
    pub fn dies_at(&self, event: usize) {
        self.0.dies_at.set(Some(event));
    }
}

pub const RUN_ID: &str = "0123456789abcdef0123456789abcdef";

pub struct Machine {
    pub root: TempDir,
    pub log: Log,
    pub units: FakeUnits,
    pub script: Rc<RefCell<Script>>,
    pub cancel: Cancel,
    pub plan: Value,
}

impl Machine {
    /// One instance with one of everything; its source holds one file.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let log = Log::default();
        let cancel = Cancel::default();
        let machine = Self {
            units: FakeUnits::new(log.clone(), cancel.clone()),
            script: Rc::default(),
            log,
            cancel,
            plan: plan(root.path()),
            root,
        };
        let directories = machine.directories();
        let staging = directories.staging();
        let restores = directories.restore_intent();
        let restores = restores.parent().unwrap();
        for directory in [
            directories.state.as_path(),
            &directories.runtime,
            &directories.cache,
            &staging,
            restores,
        ] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::create_dir_all(machine.source()).unwrap();
        fs::write(machine.source().join("file"), "content").unwrap();
        fs::create_dir_all(machine.path("credentials")).unwrap();
        fs::write(machine.path("credentials/password"), "secret\n").unwrap();
        fs::write(directories.prepare_verdict(), r#"{"error":null}"#).unwrap();
        machine.units.run("app.service");
        machine.units.belongs_to(&directories);
        machine
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub fn source(&self) -> PathBuf {
        self.path("srv/data")
    }

    /// Once this state says that its work waits, does something, in a thread of its own.
    pub fn when_waiting(state: PathBuf, act: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        thread::spawn(move || {
            while !fs::read_to_string(&state).is_ok_and(|text| text.contains("\"waiting\"")) {
                thread::yield_now();
            }
            act();
        })
    }

    pub fn directories(&self) -> InstancePaths {
        Host::new(self.root.path()).instance("app")
    }

    pub fn parsed_plan(&self) -> Plan {
        serde_json::from_value(self.plan.clone()).unwrap()
    }

    pub fn back_up(&self) -> backup::BackupResult {
        let open = |_: &Plan, _: &Path, _: &InstancePaths| -> Result<Box<dyn Provider>, Failure> {
            Ok(Box::new(FakeProvider::new(
                &self.script,
                &self.log,
                &self.cancel,
            )))
        };
        backup::run(&self.parsed_plan(), &self.invocation(&open))
    }

    pub fn maintain(&self) -> maintain::MaintenanceResult {
        let open = |_: &Plan, _: &Path, _: &InstancePaths| -> Result<Box<dyn Provider>, Failure> {
            Ok(Box::new(FakeProvider::new(
                &self.script,
                &self.log,
                &self.cancel,
            )))
        };
        maintain::run(&self.parsed_plan(), &self.invocation(&open))
    }

    pub fn maintain_for_real(&self) -> maintain::MaintenanceResult {
        maintain::run(&self.parsed_plan(), &self.invocation(&provider::open))
    }

    pub fn back_up_for_real(&self) -> backup::BackupResult {
        backup::run(&self.parsed_plan(), &self.invocation(&provider::open))
    }

    /// Exit status of a listing of the snapshots.
    pub fn list(&self) -> u8 {
        let open = |_: &Plan, _: &Path, _: &InstancePaths| -> Result<Box<dyn Provider>, Failure> {
            Ok(Box::new(FakeProvider::new(
                &self.script,
                &self.log,
                &self.cancel,
            )))
        };
        snapshots::run(&self.parsed_plan(), &self.invocation(&open)).unwrap()
    }

    pub fn restore(&self, request: &restore::request::Request) -> restore::request::Restored {
        let open = |_: &Plan, _: &Path, _: &InstancePaths| -> Result<Box<dyn Provider>, Failure> {
            Ok(Box::new(FakeProvider::new(
                &self.script,
                &self.log,
                &self.cancel,
            )))
        };
        restore::run(&self.parsed_plan(), request, &self.invocation(&open))
    }

    pub fn restore_for_real(
        &self,
        request: &restore::request::Request,
    ) -> restore::request::Restored {
        restore::run(
            &self.parsed_plan(),
            request,
            &self.invocation(&provider::open),
        )
    }

    pub fn recover(
        &self,
        operation: backupservice::steps::journal::Operation,
        ended: &recover::ServiceResult,
    ) -> Result<(), Failure> {
        recover::recover(&self.directories(), "app", operation, ended, &self.units)
    }

    pub fn invocation<'a>(&'a self, open: &'a Open<'a>) -> Invocation<'a> {
        Invocation {
            directories: self.directories(),
            id: RUN_ID.to_owned(),
            credentials: self.path("credentials"),
            units: &self.units,
            cancel: &self.cancel,
            open,
            keep_awake: |_| None,
        }
    }

    /// What happened so far, one thing a line.
    pub fn happened(&self) -> String {
        let root = self.root.path().display().to_string();
        self.log
            .0
            .events
            .borrow()
            .iter()
            .fold(String::new(), |text, line| {
                text + &line.replace(&root, "") + "\n"
            })
    }
}

/// Killed by SIGKILL, as systemd tells `ExecStopPost=`.
pub fn killed() -> recover::ServiceResult {
    recover::ServiceResult {
        invocation: Some(RUN_ID.to_owned()),
        result: Some("signal".to_owned()),
        code: Some("killed".to_owned()),
        status: Some("KILL".to_owned()),
    }
}

fn plan(root: &Path) -> Value {
    let hook = |phase: &str, name: &str| json!({ "name": name, "unit": format!("backupservice-app-{phase}-{name}.service") });
    json!({
        "version": 1,
        "instance": "app",
        "host": "here",
        "provider": { "type": "restic", "program": "/nonexistent/restic", "path": ["/usr/bin"] },
        "repository": {
            "path": root.join("repository"),
            "mountPoint": null,
            "credentials": {
                "password": "/run/secrets/password",
                "repository": null,
                "environment": null,
                "sshKey": null,
                "sshKnownHosts": null,
            },
            "passwordGenerated": true,
        },
        "sources": [root.join("srv/data")],
        "exclude": ["*.tmp"],
        "oneFileSystem": false,
        "streams": [{ "name": "db", "dumpUnit": "backupservice-app-dump-db.service", "loadUnit": "backupservice-app-load-db.service" }],
        "hooks": {
            "beforeBackup": [hook("before-backup", "one"), hook("before-backup", "two")],
            "afterBackup": [hook("after-backup", "one"), hook("after-backup", "two")],
            "beforeRestore": [hook("before-restore", "one")],
            "afterRestore": [hook("after-restore", "one")],
        },
        "quiesce": ["app.service"],
        "restoreUnits": ["app.service"],
        "startable": { "quiesce": ["app.service"], "restore": ["app.service"] },
        "retention": {
            "last": 2,
            "hourly": null,
            "daily": null,
            "weekly": null,
            "monthly": null,
            "yearly": null,
        },
        "maintenance": { "readData": 100 },
        "guards": { "maxShrink": 50 },
        "conditions": { "acPower": false, "unmeteredNetwork": false },
        "maxConcurrent": null,
        "schedule": { "calendar": "daily", "randomizedDelay": "1h" },
    })
}
