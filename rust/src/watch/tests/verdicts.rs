//! Nothing that is wrong is taken for right, whatever the clock, a run under way or a later
//! record says.

use super::fake::{FakeMachine, record};
use crate::base::outcome::Outcome;
use crate::report::maintenance::{CheckResult, MaintenanceResults, StepResult};
use crate::watch::store;

fn complete() -> MaintenanceResults {
    MaintenanceResults {
        check: Some(CheckResult::Sound),
        data_read: Some(100),
        retention: Some(StepResult::Success),
        prune: Some(StepResult::Success),
        ..MaintenanceResults::default()
    }
}

#[test]
fn a_run_that_tries_and_fails_does_not_lift_overdue() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    machine.scan(0);
    assert_eq!(machine.scan(4).1, ["overdue"]);
    machine.unit(".service", "activating", "start");
    assert_eq!(machine.scan(4).1, [""; 0]);
    machine.unit(".service", "inactive", "dead");
    machine.ran(&record(Outcome::Cancelled, 5));
    assert_eq!(machine.scan(5).1, [""; 0]);
    machine.ran(&record(Outcome::Success, 6));
    assert_eq!(machine.scan(6).1, ["recovered"]);
}

#[test]
fn known_damage_is_forgotten_by_nothing_but_a_check_that_finds_none() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    let damaged = MaintenanceResults {
        check: Some(CheckResult::Damaged),
        ..complete()
    };
    machine.maintained_with(Outcome::Failed, 0, damaged);
    assert_eq!(machine.scan(0).1, ["maintenance-failed"]);
    assert_eq!(machine.events()[0].title, "Repository of cloud is damaged");
    let sound = || std::fs::read_to_string(machine.root.path().join("metrics.prom")).unwrap();
    for outcome in [Outcome::Cancelled, Outcome::Skipped] {
        machine.maintained(outcome, 1);
        assert_eq!(machine.scan(0).1, [""; 0]);
        assert!(sound().contains("repository_sound{backup=\"cloud\"} 0"));
    }
    let glance = MaintenanceResults {
        data_read: Some(5),
        ..complete()
    };
    machine.maintained_with(Outcome::Success, 2, glance);
    assert_eq!(machine.scan(0).1, [""; 0]);
    assert!(sound().contains("repository_sound{backup=\"cloud\"} 0"));
    machine.maintained_with(Outcome::Success, 3, complete());
    assert_eq!(machine.scan(0).1, ["maintenance-recovered"]);
    assert!(sound().contains("repository_sound{backup=\"cloud\"} 1"));
}

#[test]
fn a_check_alone_does_not_make_up_for_a_failed_prune() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    let failed = MaintenanceResults {
        prune: Some(StepResult::Failed),
        ..complete()
    };
    machine.maintained_with(Outcome::Failed, 0, failed);
    assert_eq!(machine.scan(0).1, ["maintenance-failed"]);
    let check_only = MaintenanceResults {
        check: Some(CheckResult::Sound),
        ..MaintenanceResults::default()
    };
    machine.maintained_with(Outcome::Success, 1, check_only);
    assert_eq!(machine.scan(0).1, [""; 0]);
    machine.maintained_with(Outcome::Success, 2, complete());
    assert_eq!(machine.scan(0).1, ["maintenance-recovered"]);
}

#[test]
fn maintenance_that_never_gets_done_is_overdue() {
    let machine = FakeMachine::new();
    machine.plan_with_maintenance("weekly");
    let mut sent = Vec::new();
    for day in 0..20 {
        machine.ran(&record(Outcome::Success, day * 24));
        // The machine is shut down each evening, before it ends.
        machine.maintained(Outcome::Cancelled, day * 24);
        sent.extend(machine.scan(day * 24).1);
    }
    assert_eq!(sent, ["maintenance-overdue"]);
    machine.maintained_with(Outcome::Success, 480, complete());
    machine.ran(&record(Outcome::Success, 480));
    assert_eq!(machine.scan(480).1, ["maintenance-recovered"]);
}

#[test]
fn an_instance_that_a_wrong_clock_saw_first_becomes_overdue() {
    let machine = FakeMachine::new();
    machine.wrong_by.replace(24 * 365 * 50);
    machine.scan(0);
    machine.wrong_by.replace(0);
    assert_eq!(machine.scan(1).1, ["clock-wrong"]);
    assert_eq!(machine.scan(2).1, [""; 0]);
    machine.scan(3);
    assert_eq!(machine.scan(5).1, ["overdue"]);
}

#[test]
fn a_clock_without_a_battery_is_said_to_be_wrong_and_lifts_nothing() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    machine.scan(0);
    assert_eq!(machine.scan(4).1, ["overdue"]);
    machine.wrong_by.replace(-24 * 365 * 50);
    assert_eq!(machine.scan(5).1, ["clock-wrong"]);
    assert_eq!(machine.scan(6), (1, vec![]));
    machine.wrong_by.replace(0);
    assert_eq!(machine.scan(7).1, ["clock-right"]);
    let cursor = store::cursor(&machine.host()).unwrap();
    assert!(cursor.instances["cloud"].overdue);
    machine.ran(&record(Outcome::Success, 8));
    assert_eq!(machine.scan(8).1, ["recovered"]);
}

#[test]
fn time_awake_counts_across_a_boot() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    machine.boot(-3);
    machine.scan(0);
    // Awake for longer than before the boot, but not by as much as it was awake.
    machine.boot(0);
    assert_eq!(machine.scan(4).1, ["overdue"]);
}

#[test]
fn a_failure_before_a_cancelled_run_is_found_after_all_state_is_lost() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Failed, 0));
    machine.ran(&record(Outcome::Cancelled, 1));
    assert_eq!(machine.scan(1).1, ["failed"]);
}
