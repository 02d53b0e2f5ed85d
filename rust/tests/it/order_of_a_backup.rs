//! What happens in which order, with systemd and provider pretending.

use std::fs;

use crate::common::Machine;
use backupservice::base::lock::{self, Mode};
use backupservice::base::outcome::{self, FailureKind, Outcome};
use backupservice::base::problem::Problem;
use backupservice::report;
use backupservice::run::restore::request::Request;
use backupservice::run::unverified;
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
        back up /srv/data /var/lib/backupservice/.staging/app
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
    let dump = fs::metadata(directories.staging().join("db")).unwrap();
    assert_eq!(dump.len(), 0, "it is emptied, and its name stays");
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
        r#"the hook "one" of before-backup (backupservice-app-before-backup-one.service) failed with exit status 3"#
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
    expect![[
        r#"the dump of the stream "db" (backupservice-app-dump-db.service) succeeded but is empty"#
    ]]
    .assert_eq(&error.message);
    assert!(!machine.happened().contains("back up"));
}

#[test]
fn a_repository_is_created_only_if_there_is_none() {
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [Err(FailureKind::NoRepository)].into();
    machine.script.borrow_mut().no_repository = true;
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let happened = machine.happened();
    assert!(
        happened.contains(".staging/app\ninit\nback up"),
        "{happened}"
    );

    // Another instance made it meanwhile.
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [Err(FailureKind::NoRepository)].into();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let happened = machine.happened();
    assert!(!happened.contains("init"), "{happened}");

    for kind in [FailureKind::Failed, FailureKind::Transient] {
        let machine = Machine::new();
        machine.script.borrow_mut().backups = [Err(kind)].into();
        let ended = machine.back_up();
        assert_eq!(ended.record.outcome, Outcome::Failed);
        assert_eq!(
            ended.exit_status(),
            if kind == FailureKind::Transient {
                75
            } else {
                1
            }
        );
        assert!(!machine.happened().contains("init"));
    }
}

#[test]
fn a_repository_that_is_missing_again_after_its_creation_is_a_failure() {
    let machine = Machine::new();
    machine.script.borrow_mut().backups = [
        Err(FailureKind::NoRepository),
        Err(FailureKind::NoRepository),
    ]
    .into();
    machine.script.borrow_mut().no_repository = true;
    assert_eq!(machine.back_up().exit_status(), 1);
    assert_eq!(machine.happened().matches("init").count(), 1);
}

/// Another instance creates the repository.
fn creating(machine: &Machine) -> lock::Lock {
    machine.script.borrow_mut().backups = [Err(FailureKind::NoRepository)].into();
    machine.script.borrow_mut().no_repository = true;
    machine.back_up();
    let directories = machine.directories();
    fs::remove_file(directories.repository_identity()).unwrap();
    let mut locks = fs::read_dir(&directories.locks)
        .unwrap()
        .map(Result::unwrap);
    let creation = locks
        .find(|lock| lock.file_name().to_str().unwrap().starts_with("creation-"))
        .unwrap();
    lock::try_file(&creation.path(), Mode::Exclusive)
        .unwrap()
        .unwrap()
}

#[test]
fn nobody_cleans_up_or_lists_while_another_instance_creates_the_repository() {
    let machine = Machine::new();
    let lock = creating(&machine);
    let directories = machine.directories();
    let started = "2026-11-21T03:47:01Z".parse().unwrap();
    unverified::raise(&directories, started).unwrap();
    let before = machine.happened();
    // Waits, so that it can be cancelled, before it does anything.
    let other = Machine::when_waiting(directories.run_state(), {
        let cancel = machine.cancel.clone();
        move || cancel.request()
    });
    let record = machine.back_up().record;
    assert_eq!(record.outcome, Outcome::Cancelled, "{record}");
    other.join().unwrap();
    assert_eq!(machine.happened(), before);

    let status = machine.list();
    assert_eq!(status, outcome::exit_status(Outcome::Cancelled, false));
    let restored = machine.restore(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Cancelled);
    assert_eq!(machine.happened(), before);
    drop(lock);
}

#[test]
fn nobody_looks_for_a_repository_while_another_instance_creates_it() {
    let machine = Machine::new();
    let creating = creating(&machine);
    let state = machine.directories().run_state();
    let other = Machine::when_waiting(state, || drop(creating));
    let record = machine.back_up().record;
    other.join().unwrap();
    assert_eq!(record.outcome, Outcome::Success);
    let phases: Vec<_> = record
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    let waiting = phases.iter().position(|phase| *phase == "waiting").unwrap();
    assert_eq!(
        phases[waiting - 1..=waiting + 1],
        ["dump", "waiting", "backup"],
        "{phases:?}"
    );
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
    machine.plan["startable"]["quiesce"] =
        serde_json::json!(["app.service", "web.service", "proxy.service"]);
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
fn nothing_is_stopped_if_something_could_not_be_started_again() {
    let mut machine = Machine::new();
    for list in ["beforeBackup", "afterBackup"] {
        machine.plan["hooks"][list] = serde_json::json!([]);
    }
    machine.units.stops_along("app.service", "stranger.service");
    machine
        .units
        .stops_along("stranger.service", "idle.service");
    machine.units.run("stranger.service");
    let ended = machine.back_up();
    assert_eq!(machine.happened(), "");
    assert_eq!(ended.record.outcome, Outcome::Failed);
    expect!["stranger.service would be stopped too and could not be started again, so nothing was stopped: the NixOS configuration does not say what stranger.service depends on. Say it there (systemd.services.<name>.requires, bindsTo or partOf), or stop stranger.service yourself (`systemctl stop stranger.service`)."]
        .assert_eq(&ended.record.error.unwrap().to_string());
}

#[test]
fn a_unit_that_ran_shortly_while_data_was_read_makes_the_backup_incomplete() {
    // Idle before and afterwards, as a service that a timer starts; and one that was stopped.
    for unit in ["idle.service", "app.service", "proxy.service"] {
        let mut machine = Machine::new();
        machine.plan["quiesce"] = serde_json::json!(["app.service", "idle.service"]);
        machine.plan["startable"]["quiesce"] = serde_json::json!(["app.service", "proxy.service"]);
        machine.units.stops_along("app.service", "proxy.service");
        machine.units.run("proxy.service");
        machine.units.run_shortly("idle.service");
        let machine = std::rc::Rc::new(machine);
        assert_eq!(machine.back_up().record.outcome, Outcome::Success);
        let inside = machine.clone();
        machine.script.borrow_mut().during_backup =
            Some(Box::new(move || inside.units.run_shortly(unit)));
        let ended = machine.back_up();
        machine.script.borrow_mut().during_backup = None;
        assert_eq!(ended.record.outcome, Outcome::Incomplete, "{unit}");
        let message = ended.record.error.unwrap().message;
        assert!(
            message.starts_with(&format!("{unit} ran while")),
            "{message}"
        );
    }
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
            .contains("app.service ran while the data was read")
    );
    assert!(machine.happened().contains("mark abc"));
}

#[test]
fn a_source_that_is_empty_after_it_was_read_makes_the_backup_incomplete() {
    let machine = Machine::new();
    let source = machine.source();
    machine.script.borrow_mut().during_backup = Some(Box::new(move || {
        fs::remove_dir_all(&source).unwrap();
        fs::create_dir(&source).unwrap();
    }));
    let ended = machine.back_up();
    assert_eq!(ended.record.outcome, Outcome::Incomplete);
    let problem = ended.record.error.unwrap();
    assert!(
        problem
            .message
            .starts_with("after it was read, the source ")
            && problem.message.ends_with("/srv/data is empty"),
        "{problem}"
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
fn a_unit_that_was_started_too_often_is_started_nevertheless() {
    let machine = Machine::new();
    machine.units.is_limited("app.service");
    let ended = machine.back_up();
    assert!(machine.units.runs("app.service"));
    assert_eq!(ended.exit_status(), 0, "{}", ended.record);
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
fn refused_sources_are_refused_before_any_hook() {
    let machine = Machine::new();
    fs::remove_file(machine.source().join("file")).unwrap();
    let ended = machine.back_up();
    assert!(ended.record.error.unwrap().message.contains("is empty"));
    assert_eq!(machine.happened(), "");
}

#[test]
fn data_that_shrank_by_more_than_half_makes_a_snapshot_that_is_incomplete_until_accepted() {
    let machine = Machine::new();
    let back_up = |mib: u64| {
        machine.script.borrow_mut().bytes = Some(mib << 20);
        machine.back_up()
    };
    assert_eq!(back_up(100).record.outcome, Outcome::Success);
    assert_eq!(back_up(60).record.outcome, Outcome::Success);
    for _ in 0..2 {
        let ended = back_up(20);
        assert_eq!(
            (ended.record.outcome, ended.exit_status()),
            (Outcome::Incomplete, 3)
        );
        assert_eq!(ended.record.snapshot.as_deref(), Some("abc-marked"));
        expect!["the data shrank from 60.0 MiB to 20.0 MiB since the last complete snapshot, by more than guards.maxShrink (50 %). Look for what is missing; if it is intended, `backupservice run app --accept-shrink` accepts the new size as the baseline."]
            .assert_eq(&ended.record.error.unwrap().to_string());
    }
    fs::write(machine.directories().accept_shrink(), "").unwrap();
    assert_eq!(back_up(20).record.outcome, Outcome::Success);
    assert!(!machine.directories().accept_shrink().exists());
    assert_eq!(back_up(19).record.outcome, Outcome::Success);
}

#[test]
fn whoever_finds_no_free_place_waits_for_one_before_anything_is_stopped() {
    let mut machine = Machine::new();
    machine.plan["maxConcurrent"] = 2.into();
    let locks = machine.directories().locks;
    fs::create_dir_all(&locks).unwrap();
    let take = |slot| {
        let file = locks.join(slot);
        lock::try_file(&file, Mode::Exclusive).unwrap().unwrap()
    };
    let _first = take("slot-0");
    assert_eq!(machine.back_up().record.phases[1].name, "guard");
    let second = take("slot-1");
    let state = machine.directories().run_state();
    let other = Machine::when_waiting(state, || drop(second));
    let phases = machine.back_up().record.phases;
    assert_eq!(phases[1].name, "waiting");
    other.join().unwrap();
    assert_eq!(phases[2].name, "guard");
    assert!(phases[1].seconds > 0.1, "{phases:?}");
}
