//! What `recover` makes of a run that ended too early.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use backupservice::intent::Operation;
use backupservice::outcome::Outcome;
use backupservice::paths::write_atomically;
use backupservice::{lock, recover, report};
use common::{Machine, RUN_ID, killed};
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
        .recover(Operation::Backup, &recover::Ended::default())
        .unwrap();
    assert!(machine.happened().ends_with(
        "start app.service\nstart after-backup-one.service cancelled\nstart after-backup-two.service cancelled\n"
    ));
    assert!(!machine.directories().intent().exists());
    machine.script.borrow_mut().during_backup = None;
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
    let ended = recover::Ended {
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
fn an_unreadable_journal_is_set_aside_and_told() {
    let machine = Machine::new();
    write_atomically(&machine.directories().intent(), b"{").unwrap();
    let failure = machine.recover(Operation::Backup, &killed()).unwrap_err();
    assert!(
        failure.problem.message.contains("is not an intent journal"),
        "{failure}"
    );
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
}
