mod delivery;
pub(crate) mod fake;
mod verdicts;
mod year;

use std::fs;

use expect_test::expect;

use super::events::EventKind;
use super::*;
use crate::base::outcome::Outcome;
use crate::report::record::Record;
use crate::systemd::Crash;
use fake::FakeMachine;
pub(super) use fake::record;

#[test]
fn each_event_is_sent_once() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    assert_eq!(machine.scan(0), (0, vec![]));
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1), (0, vec!["failed".to_owned()]));
    assert_eq!(machine.scan(1), (0, vec![]));
    machine.ran(&record(Outcome::Cancelled, 2));
    machine.ran(&record(Outcome::Incomplete, 2));
    let mut recovered = record(Outcome::Success, 3);
    recovered.cleanup_failed = true;
    machine.ran(&recovered);
    machine.ran(&record(Outcome::Success, 4));
    let sent = ["incomplete", "recovered", "cleanup-failed", "cleaned-up"].map(str::to_owned);
    assert_eq!(machine.scan(4), (0, sent.to_vec()));
}

#[test]
fn the_very_first_failure_is_sent() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1).1, ["failed"]);
    expect![[r#"
        Backup of cloud failed
        the disk is full
        make room
        Details: journalctl _SYSTEMD_INVOCATION_ID=00000000000000000000000000000001
    "#]]
    .assert_eq(&format!(
        "{}\n{}",
        machine.events()[0].title,
        machine.events()[0].body()
    ));
    assert_eq!(
        machine.events()[0].record.as_ref().unwrap()["outcome"],
        "failed"
    );
}

#[test]
fn a_failure_that_is_retried_is_not_sent() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    machine.scan(0);
    machine.ran(&record(Outcome::Failed, 1));
    machine.unit(".service", "activating", "auto-restart");
    assert_eq!(machine.scan(1).1, [""; 0]);
    machine.ran(&Record {
        attempt: 2,
        ..record(Outcome::Failed, 2)
    });
    assert_eq!(machine.scan(2).1, [""; 0]);
    machine.unit(".service", "failed", "failed");
    machine.crash.replace(Some(Crash {
        invocation: record(Outcome::Failed, 2).run_id,
        cause: "exit status 1".to_owned(),
    }));
    assert_eq!(machine.scan(2).1, ["failed"]);
    assert_eq!(machine.scan(2).1, [""; 0]);
}

#[test]
fn a_failure_whose_retry_says_nothing_is_sent() {
    for outcome in [Outcome::Cancelled, Outcome::Skipped] {
        let machine = FakeMachine::new();
        machine.ran(&record(Outcome::Success, 0));
        machine.scan(0);
        machine.ran(&record(Outcome::Failed, 1));
        machine.unit(".service", "activating", "auto-restart");
        assert_eq!(machine.scan(1).1, [""; 0]);
        // The machine goes down, or is on battery.
        machine.ran(&Record {
            attempt: 2,
            ..record(outcome, 2)
        });
        // A new run is under way, and may succeed.
        machine.unit(".service", "activating", "start");
        assert_eq!(machine.scan(2).1, [""; 0]);
        machine.unit(".service", "inactive", "dead");
        assert_eq!(machine.scan(2).1, ["failed"]);
        assert_eq!(machine.scan(2).1, [""; 0]);
    }
}

#[test]
fn a_unit_that_fails_without_a_record_is_sent_too() {
    let machine = FakeMachine::new();
    machine.unit(".service", "failed", "failed");
    machine.crash.replace(Some(Crash {
        invocation: "ab".repeat(16),
        cause: "exit status 226".to_owned(),
    }));
    assert_eq!(machine.scan(0).1, ["failed"]);
    assert!(
        machine.events()[0].message.ends_with("exit status 226"),
        "{:?}",
        machine.events()
    );
    assert_eq!(machine.scan(0).1, [""; 0]);
    machine.unit(".service", "inactive", "dead");
    machine.ran(&record(Outcome::Success, 0));
    assert_eq!(machine.scan(0).1, ["recovered"]);
}

#[test]
fn maintenance_is_a_matter_of_its_own() {
    let machine = FakeMachine::new();
    machine.maintained(Outcome::Failed, 0);
    assert_eq!(machine.scan(0).1, ["maintenance-failed"]);
    machine.ran(&record(Outcome::Success, 1));
    assert_eq!(machine.scan(1).1, [""; 0]);
    machine.maintained(Outcome::Success, 1);
    assert_eq!(machine.scan(1).1, ["maintenance-recovered"]);
}

#[test]
fn with_a_dead_timer_a_backup_is_overdue_and_the_cause_is_sent() {
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Success, 0));
    machine.scan(0);
    machine.unit(".timer", "inactive", "dead");
    assert_eq!(machine.scan(2).1, [""; 0]);
    assert_eq!(machine.scan(3).1, ["overdue"]);
    assert_eq!(machine.scan(9).1, [""; 0]);
    let event = machine.events().pop().unwrap();
    assert!(
        event
            .message
            .ends_with("backupservice-cloud.timer is stopped"),
        "{event:?}"
    );
    let remedy = event.remedy.unwrap();
    assert_eq!(
        remedy,
        "Start it: `systemctl start backupservice-cloud.timer`"
    );
    machine.ran(&record(Outcome::Success, 10));
    assert_eq!(machine.scan(10).1, ["recovered"]);
}

#[test]
fn undelivered_events_are_recorded_and_kept_in_order() {
    let machine = FakeMachine::new();
    machine.scan(0);
    machine.hook_fails.replace(true);
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1), (1, vec![]));
    machine.ran(&record(Outcome::Success, 2));
    assert_eq!(machine.scan(2), (1, vec![]));
    let cursor = store::cursor(&machine.host()).unwrap();
    let failing = cursor.channels["hook:x"][0].failing.clone().unwrap();
    let since = failing
        .since
        .duration_since(record(Outcome::Failed, 1).finished);
    assert!(since.as_secs() == 0, "{}", failing.since);
    assert!(
        failing.error.contains("failed with exit status 7"),
        "{}",
        failing.error
    );
    machine.hook_fails.replace(false);
    let sent = ["failed", "recovered"].map(str::to_owned);
    assert_eq!(machine.scan(2), (0, sent.to_vec()));
    assert_eq!(machine.scan(2), (0, vec![]));
}

#[test]
fn one_file_that_cannot_be_read_does_not_silence_the_others() {
    let machine = FakeMachine::new();
    machine.plan("broken");
    fs::write(machine.host().instance("broken").history(), "[").unwrap();
    machine.ran(&record(Outcome::Failed, 1));
    let sent = ["unreadable", "failed"].map(str::to_owned);
    assert_eq!(machine.scan(1), (1, sent.to_vec()));
    // Nor does it hide the instance itself.
    let metrics = fs::read_to_string(machine.root.path().join("metrics.prom")).unwrap();
    assert!(
        metrics.contains("healthy{backup=\"broken\"} 0"),
        "{metrics}"
    );
    assert!(metrics.contains("info{backup=\"broken\",provider=\"restic\"} 1"));
}

#[test]
fn the_state_of_a_removed_instance_is_dropped() {
    let machine = FakeMachine::new();
    machine.plan("old");
    machine.scan(0);
    fs::remove_file(machine.host().plans().join("old.json")).unwrap();
    machine.scan(0);
    let cursor = store::cursor(&machine.host()).unwrap();
    assert_eq!(cursor.instances.keys().collect::<Vec<_>>(), ["cloud"]);
}

#[test]
fn metrics_are_complete_and_readable_by_all() {
    use std::os::unix::fs::PermissionsExt;
    let machine = FakeMachine::new();
    machine.ran(&record(Outcome::Failed, 0));
    machine.ran(&record(Outcome::Success, 1));
    machine.maintained(Outcome::Success, 1);
    machine.scan(1);
    let file = machine.root.path().join("metrics.prom");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let text = fs::read_to_string(file).unwrap();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    expect![[r#"
        backupservice_info{backup="cloud",provider="restic"} 1
        backupservice_last_success_timestamp_seconds{backup="cloud"} 1800003600
        backupservice_last_run_timestamp_seconds{backup="cloud"} 1800003600
        backupservice_last_run_outcome{backup="cloud",outcome="success"} 1
        backupservice_last_run_outcome{backup="cloud",outcome="incomplete"} 0
        backupservice_last_run_outcome{backup="cloud",outcome="skipped"} 0
        backupservice_last_run_outcome{backup="cloud",outcome="failed"} 0
        backupservice_last_run_outcome{backup="cloud",outcome="cancelled"} 0
        backupservice_last_run_cleanup_failed{backup="cloud"} 0
        backupservice_last_snapshot_added_bytes{backup="cloud"} 10
        backupservice_last_snapshot_size_bytes{backup="cloud"} 1000
        backupservice_last_snapshot_files{backup="cloud"} 3
        backupservice_deadline_timestamp_seconds{backup="cloud"} 1800011400
        backupservice_overdue{backup="cloud"} 0
        backupservice_timer_active{backup="cloud"} 1
        backupservice_running{backup="cloud"} 0
        backupservice_retrying{backup="cloud"} 0
        backupservice_last_maintenance_timestamp_seconds{backup="cloud"} 1800003600
        backupservice_last_maintenance_outcome{backup="cloud",outcome="success"} 1
        backupservice_last_maintenance_outcome{backup="cloud",outcome="incomplete"} 0
        backupservice_last_maintenance_outcome{backup="cloud",outcome="skipped"} 0
        backupservice_last_maintenance_outcome{backup="cloud",outcome="failed"} 0
        backupservice_last_maintenance_outcome{backup="cloud",outcome="cancelled"} 0
        backupservice_healthy{backup="cloud"} 1
        backupservice_problem{backup="cloud",problem="failed"} 0
        backupservice_problem{backup="cloud",problem="incomplete"} 0
        backupservice_problem{backup="cloud",problem="cleanup-failed"} 0
        backupservice_problem{backup="cloud",problem="overdue"} 0
        backupservice_problem{backup="cloud",problem="damaged"} 0
        backupservice_problem{backup="cloud",problem="maintenance-failed"} 0
        backupservice_problem{backup="cloud",problem="maintenance-overdue"} 0
        backupservice_problem{backup="cloud",problem="unreadable"} 0
        backupservice_problem{backup="cloud",problem="unknown"} 0
        backupservice_problem{backup="cloud",problem="clock-wrong"} 0
        backupservice_channel_failing{channel="hook:x"} 0
        backupservice_watch_timestamp_seconds 1800003600"#]]
    .assert_eq(&samples.join("\n"));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn the_number_of_events_is_limited() {
    let machine = FakeMachine::new();
    machine.scan(0);
    for number in 1..=250 {
        machine.ran(&record(Outcome::Failed, number));
        if number % 50 == 0 {
            machine.scan(number);
        }
    }
    let events = machine.events();
    let failed = events
        .iter()
        .filter(|event| event.kind == EventKind::Failed)
        .count();
    assert!(events.len() == 200 && failed > 190, "{}", events.len());
    assert!(events.windows(2).all(|pair| pair[1].id == pair[0].id + 1));
}
