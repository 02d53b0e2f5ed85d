//! Notifications, pings, metrics, `status` and D-Bus agree in every condition.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::view::View;
use crate::base::outcome::Outcome;
use crate::base::problem::Problem;
use crate::client::status::collect::{self, Context};
use crate::client::status::{self, Format};
use crate::client::terminal::Terminal;
use crate::report::maintenance::{CheckResult, MaintenanceResults, StepResult};
use crate::report::record::Record;
use crate::systemd::Crash;
use crate::systemd::timers::{RunActivity, UnitStates};
use crate::watch::System;
use crate::watch::events::EventKind;
use crate::watch::store;
use crate::watch::tests::fake::{FakeMachine, record};

/// A machine in some condition, as each output shows it.
struct Case {
    machine: FakeMachine,
    hour: i64,
    activity: RunActivity,
}

impl Case {
    /// An instance whose backups have been fine so far.
    fn new() -> Self {
        let machine = FakeMachine::new();
        machine.pings.replace(true);
        machine.plan_with_maintenance("weekly");
        machine.ran(&record(Outcome::Success, 0));
        machine.maintained_with(Outcome::Success, 0, complete());
        machine.scan(0);
        Self {
            machine,
            hour: 1,
            activity: RunActivity::Idle,
        }
    }

    fn unit(&mut self, active: &str, sub: &str) {
        self.machine.unit(".service", active, sub);
        self.activity = RunActivity::of(active, sub);
    }

    /// The problems that all outputs agree on.
    fn problems(&self, name: &str) -> BTreeSet<String> {
        let machine = &self.machine;
        machine.scan(self.hour);
        let metrics = machine.metrics();
        let sample = |line: &str| metrics.lines().any(|sample| sample == line);
        let of_metrics: BTreeSet<String> = metrics
            .lines()
            .filter_map(|line| {
                let line =
                    line.strip_prefix("backupservice_problem{backup=\"cloud\",problem=\"")?;
                Some(line.strip_suffix("\"} 1")?.to_owned())
            })
            .collect();
        let healthy = of_metrics.is_empty();
        let flag = u8::from(healthy);
        assert!(
            sample(&format!("backupservice_healthy{{backup=\"cloud\"}} {flag}")),
            "{name}: {metrics}"
        );

        let host = machine.host();
        let mut units = UnitStates::pretend(self.activity, None);
        if let Some(crash) = machine.crash.borrow().clone() {
            units = units.with_crash("cloud", crash);
        }
        let now = machine.now().to_zoned(TimeZone::UTC);
        let show = |format| {
            status::run(&host, None, format, &now, &machine.uptime(), &|_| {
                units.clone()
            })
            .unwrap()
        };
        let json: Value = serde_json::from_str(&show(Format::Json)).unwrap();
        let json = &json[0];
        let of_json: BTreeSet<String> = json["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(of_json, of_metrics, "{name}: {json:#}");
        assert_eq!(json["healthy"], healthy, "{name}");

        let text = show(Format::Text(Terminal {
            width: None,
            colour: true,
        }));
        // A warning is yellow.
        let warns = text.contains("\u{1b}[33mincomplete");
        let is_red = text.contains("\u{1b}[1;31m");
        assert_eq!(is_red || warns, !healthy, "{name}: {text}");

        let plans = collect::instances(&host).unwrap();
        let context = Context {
            host: &host,
            units,
            cursor: store::cursor(&host),
            uptime: machine.uptime(),
            now: now.timestamp(),
        };
        let view = View::from(context.status(&plans[0]));
        let of_bus: BTreeSet<String> = view.problems.iter().cloned().collect();
        assert_eq!(
            (of_bus, view.healthy),
            (of_metrics.clone(), healthy),
            "{name}"
        );
        for outcome in Outcome::ALL {
            let line = format!(
                "backupservice_last_run_outcome{{backup=\"cloud\",outcome=\"{}\"}} 1",
                outcome.as_str()
            );
            let shown = view.last_outcome == outcome.as_str();
            assert_eq!(sample(&line), shown, "{name}: {line}");
            assert_eq!(json["outcome"] == outcome.as_str(), shown, "{name}");
        }

        assert_eq!(machine.pinged_well(), Some(healthy), "{name}");
        let worried = worries(machine);
        assert_eq!(
            worried.is_empty(),
            healthy,
            "{name}: {worried:?}, {of_metrics:?}"
        );
        of_metrics
    }
}

/// The last event about each matter, unless it is that all is well.
fn worries(machine: &FakeMachine) -> Vec<EventKind> {
    let mut last = BTreeMap::new();
    for event in machine.events() {
        for matter in event.kind.matters() {
            last.insert(*matter, event.kind);
        }
    }
    last.into_values().filter(|kind| !kind.is_good()).collect()
}

fn complete() -> MaintenanceResults {
    MaintenanceResults {
        check: Some(CheckResult::Sound),
        data_read: Some(100),
        retention: Some(StepResult::Success),
        prune: Some(StepResult::Success),
        ..MaintenanceResults::default()
    }
}

fn crashed() -> Crash {
    Crash {
        invocation: "ab".repeat(16),
        cause: "exit status 226".to_owned(),
    }
}

type Scene = (&'static str, &'static [&'static str], fn(&mut Case));

const SCENES: &[Scene] = &[
    ("all is well", &[], |_| {}),
    ("a run is under way", &[], |case| {
        case.unit("activating", "start");
    }),
    ("a failure", &["failed"], |case| {
        case.machine.ran(&record(Outcome::Failed, 1));
    }),
    ("an incomplete snapshot", &["incomplete"], |case| {
        case.machine.ran(&record(Outcome::Incomplete, 1));
    }),
    ("a failure, and then a cancelled run", &["failed"], |case| {
        case.machine.ran(&record(Outcome::Failed, 1));
        case.machine.ran(&record(Outcome::Cancelled, 1));
    }),
    ("a success after a failure", &[], |case| {
        case.machine.ran(&record(Outcome::Failed, 1));
        case.machine.scan(1);
        case.machine.ran(&record(Outcome::Success, 2));
        case.hour = 2;
    }),
    ("an attempt that will be retried", &[], |case| {
        case.machine.ran(&record(Outcome::Failed, 1));
        case.unit("activating", "auto-restart");
    }),
    ("a crash without a record", &["failed"], |case| {
        case.unit("failed", "failed");
        case.machine.crash.replace(Some(crashed()));
    }),
    ("a crash before the boot", &["failed"], |case| {
        case.unit("failed", "failed");
        case.machine.crash.replace(Some(crashed()));
        case.machine.scan(1);
        case.unit("inactive", "dead");
        case.machine.crash.replace(None);
        case.machine.boot(1);
    }),
    (
        "a success with services still down",
        &["cleanup-failed"],
        |case| {
            case.machine.ran(&Record {
                cleanup_failed: true,
                ..record(Outcome::Success, 1)
            });
        },
    ),
    ("no success in time", &["overdue"], |case| case.hour = 5),
    ("an overdue run under way", &["overdue"], |case| {
        case.machine.scan(5);
        case.unit("activating", "start");
        case.hour = 6;
    }),
    (
        "damage, and then a cancelled maintenance",
        &["damaged", "maintenance-failed"],
        |case| {
            let damaged = MaintenanceResults {
                check: Some(CheckResult::Damaged),
                ..complete()
            };
            case.machine.maintained_with(Outcome::Failed, 1, damaged);
            case.machine.scan(1);
            case.machine.maintained(Outcome::Cancelled, 2);
        },
    ),
    (
        "a failed prune, and then a check",
        &["maintenance-failed"],
        |case| {
            let failed = MaintenanceResults {
                prune: Some(StepResult::Failed),
                ..complete()
            };
            case.machine.maintained_with(Outcome::Failed, 1, failed);
            case.machine.scan(1);
            let check = MaintenanceResults {
                check: Some(CheckResult::Sound),
                ..MaintenanceResults::default()
            };
            case.machine.maintained_with(Outcome::Success, 2, check);
        },
    ),
    (
        "no maintenance for weeks",
        &["maintenance-overdue"],
        |case| {
            for day in 1..20 {
                case.machine.ran(&record(Outcome::Success, day * 24));
                case.machine.scan(day * 24);
            }
            case.hour = 19 * 24;
        },
    ),
    ("a damaged history", &["unreadable"], |case| {
        // Read only if the last run did not succeed.
        case.machine.ran(&record(Outcome::Cancelled, 1));
        fs::write(case.machine.host().instance("cloud").history(), "[").unwrap();
    }),
    ("a damaged last record", &["unreadable"], |case| {
        fs::write(case.machine.host().instance("cloud").last_run(), "\0").unwrap();
    }),
    ("damaged results of maintenance", &["unreadable"], |case| {
        fs::write(case.machine.host().instance("cloud").last_results(), "7").unwrap();
    }),
    ("a damaged plan", &["unreadable"], |case| {
        fs::write(case.machine.host().plans().join("cloud.json"), "{").unwrap();
    }),
    ("files that are mended", &[], |case| {
        let file = case.machine.host().instance("cloud").last_run();
        let sound = fs::read(&file).unwrap();
        fs::write(&file, "{").unwrap();
        case.machine.scan(1);
        fs::write(file, sound).unwrap();
    }),
    ("a clock without a battery", &["clock-wrong"], |case| {
        case.machine.wrong_by.replace(-24 * 365 * 50);
    }),
];

#[test]
fn all_outputs_agree_in_every_condition() {
    for (name, expected, set) in SCENES {
        let mut case = Case::new();
        set(&mut case);
        let problems = case.problems(name);
        let expected: BTreeSet<String> = expected.iter().map(|&kind| kind.to_owned()).collect();
        assert_eq!(problems, expected, "{name}");
    }
}

#[test]
fn a_monitor_that_does_not_run_is_shown_instead_of_its_last_verdict() {
    let case = Case::new();
    let machine = &case.machine;
    let host = machine.host();
    // Nobody scans any more.
    let later = machine.at(5);
    let units = UnitStates::pretend(RunActivity::Idle, None);
    let plans = collect::instances(&host).unwrap();
    let mut context = Context {
        host: &host,
        units,
        cursor: store::cursor(&host),
        uptime: later.0,
        now: later.1,
    };
    let status = context.status(&plans[0]);
    assert_eq!(status.overdue, None);
    let kinds: Vec<&str> = status
        .problems
        .iter()
        .map(|one| one.kind.as_str())
        .collect();
    assert_eq!(kinds, ["unmonitored"]);
    // Asleep all the time: it will scan soon.
    context.uptime = machine.at(0).0;
    let status = context.status(&plans[0]);
    assert_eq!((status.overdue, status.healthy), (Some(false), true));
}

#[test]
fn no_nul_reaches_the_bus() {
    let case = Case::new();
    let machine = &case.machine;
    let hostile = Problem::new("the file a\0b", "remove\0it");
    machine.ran(&Record {
        error: Some(hostile),
        ..record(Outcome::Failed, 1)
    });
    let host = machine.host();
    let plans = collect::instances(&host).unwrap();
    let (uptime, now) = machine.at(1);
    let context = Context {
        host: &host,
        units: UnitStates::pretend(RunActivity::Idle, None),
        cursor: store::cursor(&host),
        uptime,
        now,
    };
    let view = View::from(context.status(&plans[0]));
    assert_eq!(view.last_error, "the file a\u{fffd}b. Remove\u{fffd}it.");
}
