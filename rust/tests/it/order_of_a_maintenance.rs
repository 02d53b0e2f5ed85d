//! What a maintenance does in which order, with a provider that pretends.

use crate::common::{Machine, killed};
use backupservice::base::lock::{self, Mode};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::base::paths::InstancePaths;
use backupservice::report::{self, maintenance::CheckResult};
use backupservice::run::maintain;
use expect_test::expect;

fn phases(ended: &maintain::MaintenanceResult) -> String {
    let names = ended.record.phases.iter().map(|phase| phase.name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn it_forgets_then_frees_then_checks_and_records_what_it_did() {
    let machine = Machine::new();
    let ended = machine.maintain();
    expect![[r"
        forget but last 2
        prune
        check 100 %
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(ended.exit_status(), 0);
    expect!["guard lock forget prune check"].assert_eq(&phases(&ended));
    expect!["maintenance of app: success, 1 snapshots forgotten, 2 kept, 4.0 KiB freed, repository is sound (all data read)"]
        .assert_eq(&ended.record.to_string());
    let directories = machine.directories();
    assert_eq!(
        report::last_maintenance(&directories).unwrap(),
        Some(ended.record)
    );
    assert!(!directories.maintenance_state().exists());
    assert_eq!(report::last_run(&directories).unwrap(), None);
}

#[test]
fn without_rules_everything_is_kept() {
    let mut machine = Machine::new();
    machine.plan["retention"]["last"] = serde_json::json!(null);
    let ended = machine.maintain();
    expect![[r"
        prune
        check 100 %
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(ended.record.done.removed, None);
}

#[test]
fn damage_is_a_failure_that_tells_what_was_done_before() {
    let machine = Machine::new();
    machine.script.borrow_mut().maintenance = [("check", FailureKind::Damaged)].into();
    let ended = machine.maintain();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Failed, 1)
    );
    assert_eq!(ended.record.done.check, Some(CheckResult::Damaged));
    assert_eq!(ended.record.done.kept, Some(2));
}

#[test]
fn the_repository_is_checked_also_if_nothing_could_be_removed() {
    let machine = Machine::new();
    machine.script.borrow_mut().maintenance = [
        ("prune", FailureKind::Failed),
        ("check", FailureKind::Damaged),
    ]
    .into();
    let ended = machine.maintain();
    assert_eq!(ended.record.done.check, Some(CheckResult::Damaged));
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::Failed)].into();
    let ended = machine.maintain();
    assert_eq!(
        (ended.exit_status(), ended.record.done.check),
        (1, Some(CheckResult::Sound))
    );
}

#[test]
fn a_check_that_could_not_be_made_found_nothing() {
    let machine = Machine::new();
    machine.script.borrow_mut().maintenance = [("check", FailureKind::Failed)].into();
    assert_eq!(machine.maintain().record.done.check, None);
}

#[test]
fn a_stale_lock_is_removed_once_and_told() {
    let machine = Machine::new();
    machine.script.borrow_mut().unlocks = true;
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::Locked)].into();
    let ended = machine.maintain();
    expect![[r"
        forget but last 2
        unlock
        forget but last 2
        prune
        check 100 %
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(ended.exit_status(), 0);
    assert!(ended.record.done.unlocked);
    expect!["guard lock forget unlock forget prune check"].assert_eq(&phases(&ended));
}

#[test]
fn a_lock_of_the_living_is_waited_for_by_trying_again_later() {
    let machine = Machine::new();
    machine.script.borrow_mut().unlocks = true;
    machine.script.borrow_mut().maintenance = [
        ("forget", FailureKind::Locked),
        ("forget", FailureKind::Locked),
    ]
    .into();
    let ended = machine.maintain();
    assert_eq!(machine.happened().matches("unlock").count(), 1);
    assert!(!machine.happened().contains("prune"));
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Failed, 75)
    );
    assert!(!ended.record.done.unlocked);
}

#[test]
fn a_program_that_removes_stale_locks_by_itself_is_not_asked_again() {
    let machine = Machine::new();
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::Locked)].into();
    assert_eq!(machine.maintain().exit_status(), 75);
    assert_eq!(machine.happened().matches("forget").count(), 1);
}

#[test]
fn the_last_attempt_is_final() {
    let machine = Machine::new();
    machine.units.restarts.set(4);
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::Transient)].into();
    let ended = machine.maintain();
    assert_eq!(ended.exit_status(), 1);
    assert!(
        ended
            .record
            .error
            .unwrap()
            .message
            .contains("gave up after 5 attempts")
    );
}

#[test]
fn nothing_is_forgotten_before_a_killed_run_is_finished_and_what_it_saved_is_marked() {
    let machine = Machine::new();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        machine.log.dies_at(4);
        let _ended = machine.back_up();
    }));
    died.unwrap_err();
    assert!(machine.directories().intent().exists());
    let ended = machine.maintain();
    assert_eq!(ended.exit_status(), 75);
    assert!(!machine.happened().contains("forget"));

    machine
        .recover(backupservice::steps::journal::Operation::Backup, &killed())
        .unwrap();
    let ended = machine.maintain();
    assert_eq!(ended.exit_status(), 0, "{}", ended.record);
    expect!["guard lock settle forget prune check"].assert_eq(&phases(&ended));
}

#[test]
fn before_the_first_backup_there_is_nothing_to_maintain() {
    let machine = Machine::new();
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::NoRepository)].into();
    let ended = machine.maintain();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Skipped, 0)
    );
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    machine.script.borrow_mut().maintenance = [("forget", FailureKind::NoRepository)].into();
    let ended = machine.maintain();
    assert_eq!(
        ended.record.outcome,
        Outcome::Failed,
        "the repository has disappeared"
    );
}

/// The only lock of a repository there is.
fn repository_lock(directories: &InstancePaths) -> std::path::PathBuf {
    let mut locks = directories.locks.read_dir().unwrap();
    locks.next().unwrap().unwrap().path()
}

#[test]
fn maintenance_waits_for_backups_and_backups_for_maintenance_but_not_for_each_other() {
    let machine = Machine::new();
    assert_eq!(machine.maintain().exit_status(), 0);
    let file = repository_lock(&machine.directories());
    let hold = |mode| lock::try_file(&file, mode).unwrap().unwrap();

    let backup = hold(Mode::Shared);
    let state = machine.directories().maintenance_state();
    let end = Machine::when_waiting(state, || drop(backup));
    let ended = machine.maintain();
    expect!["guard lock waiting forget prune check"].assert_eq(&phases(&ended));
    end.join().unwrap();

    let maintenance = hold(Mode::Exclusive);
    let state = machine.directories().run_state();
    let end = Machine::when_waiting(state, || drop(maintenance));
    let ended = machine.back_up();
    let second =
        |ended: &backupservice::run::backup::BackupResult| ended.record.phases[1].name.clone();
    assert_eq!(second(&ended), "waiting");
    end.join().unwrap();

    let _other = hold(Mode::Shared);
    assert_eq!(second(&machine.back_up()), "guard");
}

#[test]
fn who_waits_can_be_stopped() {
    let machine = Machine::new();
    assert_eq!(machine.maintain().exit_status(), 0);
    let file = repository_lock(&machine.directories());
    let _held = lock::try_file(&file, Mode::Exclusive).unwrap().unwrap();
    let cancel = machine.cancel.clone();
    let state = machine.directories().maintenance_state();
    let stop = Machine::when_waiting(state, move || cancel.request());
    let ended = machine.maintain();
    stop.join().unwrap();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Cancelled, 130)
    );
}

#[test]
fn what_was_killed_gets_its_record_from_recover() {
    let machine = Machine::new();
    let directories = machine.directories();
    std::fs::write(
        directories.maintenance_state(),
        format!(
            r#"{{"version":1,"instance":"app","runId":"{}","started":"2026-01-01T00:00:00Z","phase":"prune","progress":null}}"#,
            crate::common::RUN_ID
        ),
    )
    .unwrap();
    maintain::recover(&directories, "app", &killed());
    let record = report::last_maintenance(&directories).unwrap().unwrap();
    assert_eq!(record.outcome, Outcome::Failed);
    expect!["the executor was killed by SIGKILL in phase prune"]
        .assert_eq(&record.error.unwrap().message);
    assert!(!directories.maintenance_state().exists());

    // What left a record is left alone.
    let ended = machine.maintain();
    maintain::recover(&directories, "app", &killed());
    assert_eq!(
        report::last_maintenance(&directories).unwrap(),
        Some(ended.record)
    );
}

#[test]
fn nothing_is_forgotten_by_a_clock_that_looks_wrong() {
    let machine = Machine::new();
    let now = jiff::Timestamp::now();
    machine.script.borrow_mut().saved = Some(now + jiff::SignedDuration::from_hours(48));
    let ended = machine.maintain();
    // The check looks at no times.
    expect![[r"
        check 100 %
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(ended.exit_status(), 1);
    let message = ended.record.error.unwrap().message;
    assert!(message.starts_with("the clock says "), "{message}");
    let results = report::last_results(&machine.directories()).unwrap();
    assert!(results.step_failed());
    assert_eq!(results.complete, None);
}

#[test]
fn the_last_result_of_each_step_outlives_later_records() {
    let machine = Machine::new();
    let last = || report::last_results(&machine.directories()).unwrap();
    machine.script.borrow_mut().maintenance = [
        ("prune", FailureKind::Failed),
        ("check", FailureKind::Damaged),
    ]
    .into();
    let _ended = machine.maintain();
    assert!(last().is_damaged() && last().step_failed());
    assert_eq!(last().complete, None);
    let damaged = last();
    machine.cancel.request();
    assert_eq!(machine.maintain().record.outcome, Outcome::Cancelled);
    assert_eq!(last(), damaged);
}

#[test]
fn a_check_alone_is_no_complete_maintenance() {
    let machine = Machine::new();
    let directories = machine.directories();
    std::fs::write(directories.check_only(), r#"{"readData":100}"#).unwrap();
    let record = machine.maintain().record;
    assert!(machine.happened().contains("check 100 %"));
    expect!["maintenance of app: success, repository is sound (all data read)"]
        .assert_eq(&record.to_string());
    let last = report::last_results(&directories).unwrap();
    assert_eq!((last.complete, last.prune), (None, None));
    assert!(last.check.is_some() && !last.is_damaged());
    std::fs::remove_file(directories.check_only()).unwrap();
    let ended = machine.maintain();
    let last = report::last_results(&directories).unwrap();
    assert_eq!(last.complete, Some(ended.record.finished));
}
