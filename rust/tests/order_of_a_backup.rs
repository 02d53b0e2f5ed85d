//! What happens in which order, with systemd and provider pretending.

mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use backupservice::intent::Operation;
use backupservice::outcome::{Kind, Outcome};
use backupservice::paths::write_atomically;
use backupservice::problem::Problem;
use backupservice::{lock, recover, report};
use common::{Machine, RUN_ID, killed};
use expect_test::expect;

#[test]
fn everything_happens_in_the_order_of_the_contract() {
    let machine = Machine::new();
    let ended = machine.back_up();
    expect![[r"
        start before-backup-one.service
        start before-backup-two.service
        stop app.service
        start dump-db.service
        back up /srv/data /var/lib/backupservice/app/staging
        start app.service
        start after-backup-one.service success
        start after-backup-two.service success
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Success, 0)
    );
    let phases: Vec<&str> = ended
        .record
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    expect!["lock guard before-backup quiesce dump backup resume after-backup"]
        .assert_eq(&phases.join(" "));
    let directories = machine.directories();
    assert!(!directories.intent().exists() && !directories.run_state().exists());
    assert_eq!(fs::read_dir(directories.staging()).unwrap().count(), 0);
    assert_eq!(
        report::last_run(&directories).unwrap().unwrap(),
        ended.record
    );
}

#[test]
fn a_failing_hook_ends_the_run_before_anything_is_read() {
    let machine = Machine::new();
    machine.units.fails("before-backup-one.service");
    let ended = machine.back_up();
    expect![[r"
        start before-backup-one.service
        start after-backup-one.service failed
        start after-backup-two.service failed
    "]]
    .assert_eq(&machine.happened());
    let error = ended.record.error.unwrap();
    expect![[
        r#"the hook "one" of before-backup (before-backup-one.service) failed with exit status 3"#
    ]]
    .assert_eq(&error.message);
    expect!["read its output with `journalctl _SYSTEMD_INVOCATION_ID=feed`"]
        .assert_eq(&error.remedy.unwrap());
}

#[test]
fn a_failing_dump_leaves_no_snapshot_and_starts_what_was_stopped() {
    let machine = Machine::new();
    machine.units.fails("dump-db.service");
    let ended = machine.back_up();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Failed, 1)
    );
    assert!(!machine.happened().contains("back up"));
    assert!(machine.units.runs("app.service"));
}

#[test]
fn an_empty_dump_is_a_failed_one() {
    let machine = Machine::new();
    machine.units.dumps_nothing();
    let error = machine.back_up().record.error.unwrap();
    expect![[r#"the dump of the stream "db" (dump-db.service) succeeded but is empty"#]]
        .assert_eq(&error.message);
    assert!(!machine.happened().contains("back up"));
}

#[test]
fn a_repository_is_created_only_if_there_is_none() {
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [Err(Kind::NoRepository)].into();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let happened = machine.happened();
    assert!(happened.contains("staging\ninit\nback up"), "{happened}");

    for kind in [Kind::Failed, Kind::Passing] {
        let machine = Machine::new();
        machine.script.borrow_mut().backups = [Err(kind)].into();
        let ended = machine.back_up();
        assert_eq!(ended.record.outcome, Outcome::Failed);
        assert_eq!(
            ended.exit_status(),
            if kind == Kind::Passing { 75 } else { 1 }
        );
        assert!(!machine.happened().contains("init"));
    }
}

#[test]
fn a_repository_that_is_missing_again_after_its_creation_is_a_failure() {
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [Err(Kind::NoRepository), Err(Kind::NoRepository)].into();
    assert_eq!(machine.back_up().exit_status(), 1);
    assert_eq!(machine.happened().matches("init").count(), 1);
}

#[test]
fn an_incomplete_snapshot_is_marked_before_hooks_hear_of_it() {
    let machine = Machine::new();
    let problem = Problem::new("some of it could not be read", "make it readable");
    machine.script.borrow_mut().backups = [Ok(Some(problem))].into();
    let ended = machine.back_up();
    let happened = machine.happened();
    assert!(
        happened.contains("mark abc\nstart app.service\nstart after-backup-one.service incomplete"),
        "{happened}"
    );
    assert_eq!(ended.exit_status(), 3);
    assert_eq!(ended.record.snapshot.as_deref(), Some("abc-marked"));
}

#[test]
fn what_a_stop_takes_down_comes_back_and_what_was_down_stays_down() {
    let mut machine = Machine::new();
    machine.plan["quiesce"] = serde_json::json!(["app.service", "idle.service"]);
    for list in ["beforeBackup", "afterBackup"] {
        machine.plan["hooks"][list] = serde_json::json!([]);
    }
    machine.plan["streams"] = serde_json::json!([]);
    let units = &machine.units;
    units.stops_along("app.service", "web.service");
    units.stops_along("web.service", "proxy.service");
    units.stops_along("web.service", "unused.service");
    units.triggers("app.service", "app.socket");
    for unit in ["web.service", "proxy.service", "app.socket"] {
        units.run(unit);
    }
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    expect![[r"
        stop app.socket
        stop app.service
        back up /srv/data
        start app.socket
        start app.service
        start web.service
        start proxy.service
    "]]
    .assert_eq(&machine.happened());
}

#[test]
fn a_unit_that_comes_back_while_data_is_read_makes_the_backup_incomplete() {
    let machine = std::rc::Rc::new(Machine::new());
    let inside = machine.clone();
    machine.script.borrow_mut().during_backup =
        Some(Box::new(move || inside.units.run("app.service")));
    let ended = machine.back_up();
    machine.script.borrow_mut().during_backup = None;
    assert_eq!(ended.record.outcome, Outcome::Incomplete);
    assert!(
        ended
            .record
            .error
            .unwrap()
            .message
            .contains("app.service was stopped but ran again")
    );
    assert!(machine.happened().contains("mark abc"));
}

#[test]
fn a_unit_that_does_not_exist_fails_the_run_by_name() {
    let mut machine = Machine::new();
    machine.plan["quiesce"] = serde_json::json!(["nonexistent.service"]);
    let ended = machine.back_up();
    assert_eq!(
        ended.record.error.unwrap().message,
        "there is no unit nonexistent.service"
    );
}

#[test]
fn undoing_goes_on_when_something_cannot_be_undone() {
    let machine = Machine::new();
    machine.units.fails("app.service");
    machine.units.fails("after-backup-one.service");
    let ended = machine.back_up();
    assert!(
        machine
            .happened()
            .ends_with("start after-backup-two.service success\n")
    );
    assert_eq!(ended.record.outcome, Outcome::Success);
    assert!(ended.record.cleanup_failed);
    assert_eq!(ended.exit_status(), 1);
    assert!(!machine.directories().intent().exists());
}

#[test]
fn a_cancelled_hook_ends_the_run_and_after_hooks_hear_of_it() {
    let machine = Machine::new();
    machine.units.is_cancelled_in("before-backup-two.service");
    let ended = machine.back_up();
    expect![[r"
        start before-backup-one.service
        stop before-backup-two.service, which was being started
        start after-backup-one.service cancelled
        start after-backup-two.service cancelled
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Cancelled, 130)
    );
}

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
fn refused_sources_are_refused_before_any_hook() {
    let machine = Machine::new();
    fs::remove_file(machine.source().join("file")).unwrap();
    let ended = machine.back_up();
    assert!(ended.record.error.unwrap().message.contains("is empty"));
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
