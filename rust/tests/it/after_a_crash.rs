//! What `recover` makes of a run that ended too early.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::common::{Machine, RUN_ID, killed};
use backupservice::base::lock;
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::base::paths::{Host, write_atomically};
use backupservice::report;
use backupservice::report::record::Record;
use backupservice::run::recover;
use backupservice::steps::journal::Operation;
use backupservice::systemd::units::Units;
use expect_test::expect;

#[test]
fn what_cannot_be_undone_during_a_shutdown_is_undone_afterwards() {
    let machine = std::rc::Rc::new(Machine::new());
    let inside = machine.clone();
    machine.script.borrow_mut().during_backup = Some(Box::new(move || {
        inside.units.shutdown.set(true);
        inside.cancel.request();
    }));
    let ended = machine.back_up();
    assert!(ended.record.cleanup_failed);
    assert_eq!(ended.record.outcome, Outcome::Cancelled);
    assert!(machine.directories().intent().exists());

    machine.units.shutdown.set(false);
    machine
        .recover(Operation::Backup, &recover::ServiceResult::default())
        .unwrap();
    assert!(machine.happened().ends_with(
        "start app.service\nstart after-backup-one.service cancelled\nstart after-backup-two.service cancelled\n"
    ));
    assert!(!machine.directories().intent().exists());
    machine.script.borrow_mut().during_backup = None;
    let corrected = report::last_run(&machine.directories()).unwrap().unwrap();
    let expected = Record {
        cleanup_failed: false,
        ..ended.record
    };
    assert_eq!(corrected, expected);
    let history = report::history(&machine.directories()).unwrap();
    assert_eq!(history, [expected]);
}

#[test]
fn what_failed_before_a_shutdown_is_not_forgotten_with_what_it_postponed() {
    let machine = std::rc::Rc::new(Machine::new());
    // Tried before the shutdown, unlike the start of the service.
    let journal = machine.directories().intent();
    let inside = machine.clone();
    machine.script.borrow_mut().during_backup = Some(Box::new(move || {
        inside.units.shutdown.set(true);
        inside.cancel.request();
    }));
    machine.back_up();
    machine.script.borrow_mut().during_backup = None;
    let mut intent: serde_json::Value =
        serde_json::from_slice(&fs::read(&journal).unwrap()).unwrap();
    intent["cleanupFailed"] = true.into();
    fs::write(&journal, intent.to_string()).unwrap();

    machine.units.shutdown.set(false);
    machine
        .recover(Operation::Backup, &recover::ServiceResult::default())
        .unwrap();
    assert!(!journal.exists());
    let last = report::last_run(&machine.directories()).unwrap().unwrap();
    assert!(last.cleanup_failed);
}

#[test]
fn a_second_run_waits_for_nobody_and_touches_nothing() {
    let machine = Machine::new();
    let _lock = lock::try_take(&machine.directories()).unwrap().unwrap();
    write_atomically(&machine.directories().intent(), b"somebody else's").unwrap();
    let ended = machine.back_up();
    assert_eq!(ended.exit_status(), 75);
    machine.recover(Operation::Backup, &killed()).unwrap();
    assert_eq!(
        fs::read(machine.directories().intent()).unwrap(),
        b"somebody else's"
    );
    assert_eq!(machine.happened(), "");
}

#[test]
fn a_run_killed_at_any_step_is_finished_by_recover() {
    let mut step = 0;
    loop {
        let machine = Machine::new();
        machine.log.dies_at(step);
        let result = catch_unwind(AssertUnwindSafe(|| machine.back_up()));
        if result.is_ok() {
            break;
        }
        machine.recover(Operation::Backup, &killed()).unwrap();

        let happened = machine.happened();
        assert!(
            machine.units.runs("app.service"),
            "killed at {step}: {happened}"
        );
        for hook in ["start after-backup-one", "start after-backup-two"] {
            assert_eq!(
                happened.matches(hook).count(),
                1,
                "killed at {step}: {happened}"
            );
        }
        let record = report::last_run(&machine.directories()).unwrap().unwrap();
        let was_backed_up = happened.contains("back up");
        let expected = if was_backed_up {
            Outcome::Success
        } else {
            Outcome::Failed
        };
        assert_eq!((record.outcome, record.run_id.as_str()), (expected, RUN_ID));
        assert!(
            record
                .error
                .unwrap()
                .message
                .starts_with("the executor was killed by SIGKILL in phase ")
        );
        assert!(
            !machine.directories().intent().exists() && !machine.directories().run_state().exists()
        );
        assert_eq!(
            machine.back_up().record.outcome,
            Outcome::Success,
            "the next run"
        );
        step += 1;
    }
    assert_eq!(step, 8);
}

#[test]
fn a_run_that_left_nothing_at_all_gets_a_record() {
    let machine = Machine::new();
    let ended = recover::ServiceResult {
        code: Some("exited".to_owned()),
        status: Some("226".to_owned()),
        result: Some("exit-code".to_owned()),
        ..killed()
    };
    machine.recover(Operation::Backup, &ended).unwrap();
    let record = report::last_run(&machine.directories()).unwrap().unwrap();
    expect!["systemd could not start the executor (exit status 226)"]
        .assert_eq(&record.error.unwrap().message);
    machine.recover(Operation::Backup, &ended).unwrap();
    let history: Vec<report::record::Record> =
        serde_json::from_slice(&fs::read(machine.directories().history()).unwrap()).unwrap();
    assert_eq!(history.len(), 1);
}

#[test]
fn a_journal_that_cannot_be_read_fails_every_run_until_it_is_acknowledged() {
    let machine = Machine::new();
    let intent = machine.directories().intent();
    machine.log.dies_at(4);
    catch_unwind(AssertUnwindSafe(|| machine.back_up())).unwrap_err();
    assert!(!machine.units.runs("app.service"));
    for bad in [
        "{",
        &planted("stop", "app.service"),
        &planted_removal(&machine.source()),
    ] {
        write_atomically(&intent, bad.as_bytes()).unwrap();
        let failure = machine.recover(Operation::Backup, &killed()).unwrap_err();
        assert!(
            failure.problem.message.contains("is not an intent journal"),
            "{failure}"
        );
        assert!(machine.units.runs("app.service"), "it is claimed in /run");
        assert!(machine.source().exists());

        let ended = machine.back_up();
        assert_eq!(ended.exit_status(), 1);
        let remedy = ended.record.error.unwrap().remedy.unwrap();
        assert!(
            remedy.ends_with(&format!("`rm {}`", intent.display())),
            "{remedy}"
        );
        assert!(machine.maintain().record.outcome != Outcome::Success);
        recover::all(&Host::new(machine.root.path()), &machine.units).unwrap_err();
    }
    fs::remove_file(&intent).unwrap();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
}

fn planted(action: &str, unit: &str) -> String {
    journal(&serde_json::json!({ "action": action, "unit": unit, "done": false }))
}

fn planted_removal(path: &Path) -> String {
    journal(&serde_json::json!({ "action": "remove", "path": path, "done": false }))
}

fn journal(step: &serde_json::Value) -> String {
    let journal = serde_json::json!({
        "version": 1, "instance": "app", "provider": "restic", "operation": "backup",
        "runId": RUN_ID, "started": "2026-11-21T03:47:01Z", "outcome": null, "snapshot": null,
        "attempt": 1, "phase": "backup", "steps": [step],
    });
    journal.to_string()
}

#[test]
fn everything_that_any_instance_has_left_is_finished() {
    let machine = Machine::new();
    let host = Host::new(machine.root.path());
    machine.log.dies_at(4);
    catch_unwind(AssertUnwindSafe(|| machine.back_up())).unwrap_err();
    let broken = host.instance("broken");
    fs::create_dir_all(&broken.state).unwrap();
    fs::write(broken.intent(), "{").unwrap();
    fs::create_dir_all(host.instance("idle").state).unwrap();

    let error = recover::all(&host, &machine.units).unwrap_err();

    assert_eq!(
        error.to_string(),
        "not everything could be undone for broken"
    );
    assert!(machine.units.runs("app.service"));
    let record = report::last_run(&machine.directories()).unwrap().unwrap();
    let message = record.error.unwrap().message;
    assert!(
        message.starts_with("the run was interrupted in phase "),
        "{message}"
    );
    fs::remove_file(broken.intent()).unwrap();
    recover::all(&host, &machine.units).unwrap();
    assert!(!host.instance("idle").runtime.exists());
}

#[test]
fn a_run_that_nobody_recovered_gets_its_record_from_the_next() {
    let machine = Machine::new();
    machine.log.dies_at(4);
    catch_unwind(AssertUnwindSafe(|| machine.back_up())).unwrap_err();
    let intent = fs::read_to_string(machine.directories().intent()).unwrap();
    fs::write(machine.directories().intent(), intent.replace(RUN_ID, "77")).unwrap();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let history: Vec<report::record::Record> =
        serde_json::from_slice(&fs::read(machine.directories().history()).unwrap()).unwrap();
    let runs: Vec<_> = history
        .iter()
        .map(|record| (record.run_id.as_str(), record.outcome))
        .collect();
    assert_eq!(runs, [("77", Outcome::Failed), (RUN_ID, Outcome::Success)]);
}

#[test]
fn a_hook_that_outlives_its_run_is_stopped_before_anything_is_undone() {
    let machine = Machine::new();
    machine.log.dies_at(1);
    catch_unwind(AssertUnwindSafe(|| machine.back_up())).unwrap_err();
    machine.units.run("before-backup-one.service");
    machine.recover(Operation::Backup, &killed()).unwrap();
    expect![[r"
        start before-backup-one.service
        stop before-backup-one.service
        start after-backup-one.service failed
        start after-backup-two.service failed
    "]]
    .assert_eq(&machine.happened());
}

#[test]
fn what_a_killed_run_saved_is_marked_by_the_next() {
    let machine = Machine::new();
    let inside = machine.log.clone();
    machine.script.borrow_mut().during_backup = Some(Box::new(move || inside.dies_now()));
    catch_unwind(AssertUnwindSafe(|| machine.back_up())).unwrap_err();
    machine.script.borrow_mut().during_backup = None;
    machine.script.borrow_mut().saved = Some(jiff::Timestamp::now());
    machine.recover(Operation::Backup, &killed()).unwrap();
    assert!(machine.directories().unverified().exists());

    let restored = machine.restore(&backupservice::run::restore::request::Request::whole(
        "latest",
    ));
    assert_eq!(
        restored.error.unwrap().message,
        "no snapshot of app is complete"
    );
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let happened = machine.happened();
    assert!(
        happened.contains("unlock\nmark abc\nstart before-backup-one"),
        "{happened}"
    );
    assert!(!machine.directories().unverified().exists());
}

#[test]
fn a_backup_leaves_an_interrupted_restore_to_those_who_can_finish_it() {
    let machine = Machine::new();
    machine.log.dies_at(3);
    let request = backupservice::run::restore::request::Request::whole("latest");
    catch_unwind(AssertUnwindSafe(|| machine.restore(&request))).unwrap_err();
    let ended = machine.back_up();
    let message = ended.record.error.unwrap().message;
    assert_eq!(
        message,
        "a restore of app was interrupted and is not undone yet"
    );
    machine.recover(Operation::Backup, &killed()).unwrap();
    assert!(machine.directories().restore_intent().exists());
    recover::all(&Host::new(machine.root.path()), &machine.units).unwrap();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
}

#[test]
fn the_last_attempt_is_not_tried_again() {
    for (restarts, status) in [(0, 75), (3, 75), (4, 1), (9, 1)] {
        let machine = Machine::new();
        machine.units.restarts.set(restarts);
        let _lock = lock::try_take(&machine.directories()).unwrap().unwrap();
        let ended = machine.back_up();
        assert_eq!(
            (ended.exit_status(), ended.record.attempt),
            (status, restarts + 1)
        );
    }
}

#[test]
fn two_directories_are_both_old_or_both_new() {
    let mut machine = Machine::new();
    let second = machine.path("srv/more");
    fs::create_dir(&second).unwrap();
    fs::write(second.join("file"), "content").unwrap();
    machine.plan["sources"] = serde_json::json!([machine.source(), second]);
    // The second cannot be put into its place.
    let fresh = machine.path("srv/.more.backupservice-new-01234567/more");
    machine.script.borrow_mut().loses = Some(fresh);
    let request = backupservice::run::restore::request::Request::whole("latest");
    let restored = machine.restore(&request);
    assert_eq!(restored.outcome, Outcome::Failed);
    assert!(restored.safety_copies.is_empty() && restored.restored.is_empty());
    for directory in [machine.source(), second] {
        assert_eq!(
            fs::read_to_string(directory.join("file")).unwrap(),
            "content"
        );
    }
    assert_eq!(fs::read_dir(machine.path("srv")).unwrap().count(), 2);
}

#[test]
fn a_cancelled_wait_for_another_attempt_is_recorded() {
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [Err(FailureKind::Transient)].into();
    let failed = machine.back_up().record;
    assert!(failed.may_be_retried());
    let request = machine.directories().cancelled_retries();
    let host = Host::new(machine.root.path());
    let last = || report::last_run(&machine.directories()).unwrap().unwrap();
    let recover = |request_of: &str| {
        write_atomically(&request, request_of.as_bytes()).unwrap();
        recover::all(&host, &machine.units).unwrap();
    };
    fs::create_dir_all(request.parent().unwrap()).unwrap();

    recover("ffffffffffffffffffffffffffffffff");
    assert_eq!(last(), failed, "another run is meant");
    machine.units.run("backupservice-app.service");
    recover(&failed.run_id);
    assert_eq!(last(), failed, "the next attempt has begun");

    machine
        .units
        .stop_and_wait("backupservice-app.service")
        .unwrap();
    recover(&failed.run_id);
    let cancelled = last();
    assert_eq!(cancelled.outcome, Outcome::Cancelled);
    let message = cancelled.error.as_ref().unwrap().message.clone();
    assert!(
        message.starts_with("cancelled while waiting for attempt 2 of 5: attempt 1 of 5 failed: "),
        "{message}"
    );
    assert_eq!(
        report::history(&machine.directories()).unwrap(),
        [cancelled]
    );
}
