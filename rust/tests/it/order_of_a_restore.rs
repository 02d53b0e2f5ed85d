//! What a restore does in which order, with systemd and provider pretending.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::common::{Machine, killed};
use backupservice::base::outcome::Outcome;
use backupservice::base::paths::Host;
use backupservice::client::{Client, Reader};
use backupservice::report;
use backupservice::report::restores::restores;
use backupservice::run::recover;
use backupservice::run::restore::request::{Request, Restored};
use backupservice::steps::journal::Operation;
use expect_test::expect;
use serde_json::json;

#[test]
fn everything_is_fetched_before_anything_is_replaced() {
    let machine = Machine::new();
    let restored = machine.restore(&Request::whole("latest"));
    expect![[r"
        stop app.service
        start before-restore-one.service
        restore abc:/srv/data
        restore abc:/var/lib/backupservice/.staging/app/db
        start load-db.service
        start after-restore-one.service success
        start app.service
    "]]
    .assert_eq(&machine.happened());
    assert_eq!(
        (restored.outcome, restored.exit_status()),
        (Outcome::Success, 0)
    );
    assert_eq!(content(&machine), "restored");
    let copy = &restored.safety_copies[0];
    assert_eq!(fs::read_to_string(copy.join("file")).unwrap(), "content");
    assert!(
        copy.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(".data.before-restore-20")
    );
    assert_eq!(
        names_beside(&machine).len(),
        2,
        "the data and its safety copy"
    );
    let left: Restored =
        serde_json::from_slice(&fs::read(machine.directories().restore_result()).unwrap()).unwrap();
    assert_eq!(left, restored);
    assert!(
        report::last_run(&machine.directories()).unwrap().is_none(),
        "a restore is no backup"
    );
}

#[test]
fn a_snapshot_that_lacks_a_source_stops_nothing() {
    let machine = Machine::new();
    machine.script.borrow_mut().missing = vec![machine.source()];
    let restored = machine.restore(&Request::whole("latest"));
    assert!(
        restored
            .error
            .unwrap()
            .message
            .starts_with("the snapshot abc does not hold ")
    );
    assert_eq!(machine.happened(), "");
}

#[test]
fn an_unknown_snapshot_stops_nothing() {
    let machine = Machine::new();
    let restored = machine.restore(&Request::whole("beef"));
    assert_eq!(
        restored.error.unwrap().message,
        "app has no snapshot \"beef\""
    );
    assert_eq!(
        (restored.outcome, machine.happened().as_str()),
        (Outcome::Failed, "")
    );
}

#[test]
fn an_unknown_unit_stops_nothing() {
    for unit in ["restoreUnits", "streams"] {
        let mut machine = Machine::new();
        match unit {
            "streams" => machine.plan[unit][0]["loadUnit"] = "nonexistent.service".into(),
            _ => machine.plan[unit] = serde_json::json!(["app.service", "nonexistent.service"]),
        }
        let restored = machine.restore(&Request::whole("latest"));
        assert_eq!(machine.happened(), "");
        let message = restored.error.unwrap().message;
        assert_eq!(message, "there is no unit nonexistent.service");
    }
}

#[test]
fn a_failure_while_fetching_leaves_the_old_data_where_it_is() {
    let machine = Machine::new();
    machine.script.borrow_mut().fails_to_restore = true;
    let restored = machine.restore(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Failed);
    assert!(restored.safety_copies.is_empty());
    assert_eq!(content(&machine), "content");
    assert_eq!(names_beside(&machine), ["data"]);
    assert!(
        machine
            .happened()
            .ends_with("start after-restore-one.service failed\nstart app.service\n")
    );
}

#[test]
fn a_failing_load_names_the_safety_copies() {
    let machine = Machine::new();
    machine.units.fails("load-db.service");
    let restored = machine.restore(&Request::whole("latest"));
    let message = restored.error.unwrap().message;
    assert!(message.starts_with(
        "loading the stream \"db\" (backupservice-app-load-db.service) failed with exit status 3"
    ));
    assert!(
        message.contains("; the data from before is in "),
        "{message}"
    );
    assert!(machine.units.runs("app.service"));
}

#[test]
fn a_failing_hook_keeps_everything_as_it_was() {
    let machine = Machine::new();
    machine.units.fails("before-restore-one.service");
    machine.restore(&Request::whole("latest"));
    expect![[r"
        stop app.service
        start before-restore-one.service
        start after-restore-one.service failed
        start app.service
    "]]
    .assert_eq(&machine.happened());
}

#[test]
fn elsewhere_nothing_is_stopped_and_no_hook_runs() {
    let machine = Machine::new();
    let target = machine.path("target");
    let request = Request {
        target: Some(target.clone()),
        ..Request::whole("abc")
    };
    let restored = machine.restore(&request);
    expect![[r"
        restore abc:/srv/data
        restore abc:/var/lib/backupservice/.staging/app/db
    "]]
    .assert_eq(&machine.happened());
    let below = |path: PathBuf| target.join(path.strip_prefix("/").unwrap());
    assert_eq!(
        fs::read_to_string(below(machine.source()).join("file")).unwrap(),
        "restored"
    );
    assert_eq!(
        fs::read_to_string(below(machine.directories().staging()).join("db")).unwrap(),
        "dump"
    );
    assert_eq!(restored.restored.len(), 2);
    assert_eq!(content(&machine), "content");

    let again = machine.restore(&request);
    assert!(again.error.unwrap().message.contains("exists already"));
}

#[test]
fn one_path_replaces_only_that_path() {
    let machine = Machine::new();
    fs::create_dir(machine.source().join("sub")).unwrap();
    fs::write(machine.source().join("sub/file"), "old").unwrap();
    let request = Request {
        path: Some(machine.source().join("sub")),
        ..Request::whole("latest")
    };
    let restored = machine.restore(&request);
    assert_eq!(restored.restored, [machine.source().join("sub")]);
    assert_eq!(
        fs::read_to_string(machine.source().join("sub/file")).unwrap(),
        "restored"
    );
    assert_eq!(content(&machine), "content");
    assert!(!machine.happened().contains("load-db"));
}

#[test]
fn data_that_is_gone_is_restored_without_a_safety_copy() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("srv")).unwrap();
    let restored = machine.restore(&Request::whole("latest"));
    assert_eq!(
        (restored.outcome, restored.safety_copies.len()),
        (Outcome::Success, 0)
    );
    assert_eq!(content(&machine), "restored");
}

#[test]
fn a_linked_source_is_replaced_behind_its_link() {
    let machine = Machine::new();
    fs::create_dir(machine.path("private")).unwrap();
    fs::rename(machine.source(), machine.path("private/data")).unwrap();
    std::os::unix::fs::symlink("../private/data", machine.source()).unwrap();
    let restored = machine.restore(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Success, "{restored}");
    assert!(machine.source().is_symlink());
    assert_eq!(content(&machine), "restored");
}

#[test]
fn a_restore_killed_at_any_step_has_the_old_data_or_the_new() {
    let mut step = 0;
    loop {
        let machine = Machine::new();
        machine.log.dies_at(step);
        let result = catch_unwind(AssertUnwindSafe(|| {
            machine.restore(&Request::whole("latest"))
        }));
        if result.is_ok() {
            break;
        }
        machine.recover(Operation::Restore, &killed()).unwrap();

        let happened = machine.happened();
        assert!(
            machine.units.runs("app.service"),
            "killed at {step}: {happened}"
        );
        let is_new = happened.contains(".staging/app/db");
        assert_eq!(
            content(&machine),
            if is_new { "restored" } else { "content" }
        );
        assert_eq!(names_beside(&machine).len(), if is_new { 2 } else { 1 });
        assert!(report::last_run(&machine.directories()).unwrap().is_none());
        assert_eq!(
            machine.restore(&Request::whole("latest")).outcome,
            Outcome::Success
        );
        step += 1;
    }
    assert_eq!(step, 7);
}

#[test]
fn a_swap_is_rolled_back_after_a_crash() {
    let machine = Machine::new();
    let aside = machine.path("srv/.data.before-restore-20261121T034701Z");
    fs::rename(machine.source(), &aside).unwrap();
    fs::create_dir(machine.path("srv/.data.backupservice-new-77")).unwrap();
    let intent = serde_json::json!({
        "version": 1, "instance": "app", "provider": "restic", "operation": "restore",
        "runId": "77", "started": "2026-11-21T03:47:01Z", "outcome": null, "snapshot": null,
        "attempt": 1, "phase": "swap",
        "steps": [{ "action": "rollBack", "from": aside, "to": machine.source(),
                    "fresh": machine.path("srv/.data.backupservice-new-77/data"), "existed": true, "done": false }],
    });
    let path = machine.directories().restore_intent();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, intent.to_string()).unwrap();
    machine
        .recover(Operation::Restore, &recover::ServiceResult::default())
        .unwrap();
    assert_eq!(content(&machine), "content");
    assert!(report::last_run(&machine.directories()).unwrap().is_none());
}

#[test]
fn nothing_is_undone_while_a_disk_is_missing() {
    let machine = Machine::new();
    let disk = machine.path("srv");
    let aside = disk.join(".data.before-restore-20261121T034701Z");
    fs::rename(machine.source(), &aside).unwrap();
    let new = disk.join(".data.backupservice-new-77");
    fs::create_dir(&new).unwrap();
    let mut intent = serde_json::json!({
        "version": 1, "instance": "app", "provider": "restic", "operation": "restore",
        "runId": "77", "started": "2026-11-21T03:47:01Z", "outcome": null, "snapshot": null,
        "attempt": 1, "phase": "swap", "mountPoints": [disk],
        "steps": [{ "action": "start", "unit": "app.service", "done": false },
                  { "action": "remove", "path": new, "done": false },
                  { "action": "rollBack", "from": aside, "to": machine.source(),
                    "fresh": new.join("data"), "existed": true, "done": false }],
    });
    let path = machine.directories().restore_intent();
    fs::write(&path, intent.to_string()).unwrap();
    // As after a boot without it.
    let unmounted = machine.path("unmounted");
    fs::rename(&disk, &unmounted).unwrap();
    fs::create_dir(&disk).unwrap();
    let recover = || machine.recover(Operation::Restore, &recover::ServiceResult::default());
    let failure = recover().map_err(|failure| failure.to_string());
    let again = machine.restore(&Request::whole("latest"));
    assert!(path.exists(), "{failure:?}");
    let failure = failure.unwrap_err();
    assert!(failure.contains("srv is not mounted"), "{failure}");
    assert_eq!(again.error.unwrap().to_string(), failure);
    assert_eq!(machine.happened(), "");

    fs::remove_dir(&disk).unwrap();
    fs::rename(&unmounted, &disk).unwrap();
    // Where it is mounted now.
    intent["mountPoints"] = serde_json::json!(["/proc"]);
    fs::write(&path, intent.to_string()).unwrap();
    recover().unwrap();
    assert_eq!(content(&machine), "content");
    assert_eq!(names_beside(&machine), ["data"]);
    assert!(!path.exists());
}

#[test]
fn each_restore_has_a_request_of_its_own_and_takes_it_once() {
    let machine = Machine::new();
    let directories = machine.directories();
    let request = Request {
        path: Some("/srv/data/sub".into()),
        ..Request::whole("abc")
    };
    let other = Request::whole("abc");
    for (id, request) in [("abc-1", &request), ("abc-2", &other)] {
        let path = directories.restore_request(id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_vec(request).unwrap()).unwrap();
    }
    assert_eq!(Request::take(&directories, "abc-1").unwrap(), request);
    assert_eq!(Request::take(&directories, "abc-2").unwrap(), other);
    for taken in ["abc-1", "abc", "latest"] {
        let error = Request::take(&directories, taken).unwrap_err().to_string();
        assert!(error.starts_with("nothing is restored: "), "{error}");
    }
}

fn content(machine: &Machine) -> String {
    fs::read_to_string(machine.source().join("file")).unwrap()
}

fn names_beside(machine: &Machine) -> Vec<String> {
    let entries = fs::read_dir(machine.path("srv")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_file_system_that_refuses_owners_is_found_before_anything_is_stopped() {
    let machine = Machine::new();
    machine.script.borrow_mut().owner = Some((u32::MAX - 1, 0));
    let restored = machine.restore(&Request::whole("latest"));
    let error = restored.error.unwrap();
    if rustix::process::geteuid().is_root() {
        // It may give files to anybody, and so only what was restored shows it.
        assert!(error.message.contains("another user or group"), "{error}");
    } else {
        assert!(error.message.contains("refuses user"), "{error}");
        assert_eq!(machine.happened(), "");
    }
    assert_eq!(restored.outcome, Outcome::Failed);
    assert_untouched(&machine);
}

#[test]
fn what_does_not_belong_to_its_owner_takes_no_place() {
    let machine = Machine::new();
    machine.script.borrow_mut().unrestored = 1;
    let restored = machine.restore(&Request::whole("latest"));
    let error = restored.error.unwrap();
    assert!(error.message.contains("of 3 files"), "{error}");
    assert_eq!(restored.outcome, Outcome::Failed);
    assert!(restored.restored.is_empty() && restored.safety_copies.is_empty());
    assert_untouched(&machine);

    let request = Request {
        target: Some(machine.path("elsewhere")),
        ..Request::whole("latest")
    };
    let restored = machine.restore(&request);
    assert_eq!(restored.outcome, Outcome::Failed, "{restored}");
}

/// The data is what it was, and alone.
fn assert_untouched(machine: &Machine) {
    let content = fs::read_to_string(machine.source().join("file"));
    assert_eq!(content.unwrap(), "content");
    let beside = fs::read_dir(machine.path("srv")).unwrap();
    assert_eq!(beside.count(), 1);
}

#[test]
fn every_restore_is_in_the_history_also_one_that_was_killed() {
    let machine = Machine::new();
    let restored = machine.restore(&Request::whole("latest"));
    let directories = machine.directories();
    let history = || restores(&directories).unwrap();
    assert_eq!(history().len(), 1);
    assert_eq!(history()[0].outcome, restored.outcome);
    assert_eq!(history()[0].snapshot, restored.snapshot);
    let phases: Vec<String> = history()[0]
        .phases
        .iter()
        .map(|phase| phase.name.clone())
        .collect();
    assert!(phases.contains(&"swap".to_owned()), "{phases:?}");

    // The unit of a restore that has a record.
    machine.recover(Operation::Restore, &killed()).unwrap();
    assert_eq!(history().len(), 1);
    let state = json!({
        "version": 1, "instance": "app", "runId": "fa11", "started": "2026-03-10T11:59:00Z",
        "phase": "restore", "progress": null,
    });
    fs::write(directories.restore_state(), state.to_string()).unwrap();
    let ended = recover::ServiceResult {
        invocation: Some("fa11".to_owned()),
        ..killed()
    };
    machine.recover(Operation::Restore, &ended).unwrap();
    assert_eq!(history().len(), 2);
    assert_eq!(history()[1].outcome, Outcome::Failed);
    assert_eq!(history()[1].started.to_string(), "2026-03-10T11:59:00Z");
    assert!(!directories.restore_state().exists());
}

#[test]
fn a_restore_can_be_cancelled() {
    let machine = Machine::new();
    let host = Host::new(machine.root.path());
    fs::create_dir_all(host.plans()).unwrap();
    fs::write(host.plans().join("app.json"), "{}").unwrap();
    let mut out = Vec::new();
    let mut client = Client {
        host: &host,
        units: &machine.units,
        cancel: &machine.cancel,
        out: &mut out,
        reader: Reader::Program,
    };
    let failure = client.cancel("app").unwrap_err();
    assert!(failure.problem.message.contains("restore"), "{failure}");

    machine.units.run("restore@latest-0123.service");
    machine.units.run("app-b-restore@latest-0123.service");
    assert_eq!(client.cancel("app").unwrap(), 0);
    assert_eq!(machine.happened(), "stop restore@latest-0123.service\n");
}
