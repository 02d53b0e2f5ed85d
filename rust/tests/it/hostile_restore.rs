//! Restores where somebody else may change the directories on the way.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::common::Machine;
use crate::common::real::{self, Program};
use backupservice::base::outcome::Outcome;
use backupservice::run::recover::ServiceResult;
use backupservice::run::restore::request::Request;
use backupservice::steps::journal::Operation;

/// A directory in which everybody may change names.
fn open_to_all(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

/// A directory outside of what is restored, and what is in it afterwards.
fn victim(machine: &Machine) -> PathBuf {
    let victim = machine.path("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("file"), "precious").unwrap();
    victim
}

fn assert_untouched(victim: &Path) {
    let names: Vec<_> = fs::read_dir(victim)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["file"]);
    let content = fs::read_to_string(victim.join("file"));
    assert_eq!(content.ok().as_deref(), Some("precious"));
}

fn one_path(path: PathBuf) -> Request {
    Request {
        path: Some(path),
        ..Request::whole("latest")
    }
}

#[test]
fn a_link_below_a_source_is_not_followed() {
    let machine = Machine::new();
    let victim = victim(&machine);
    open_to_all(&machine.source());
    symlink(&victim, machine.source().join("sub")).unwrap();
    let restored = machine.restore(&one_path(machine.source().join("sub/file")));
    assert_untouched(&victim);
    assert_eq!(machine.happened(), "");
    let error = restored.error.unwrap().to_string();
    assert!(error.contains("is a link in a directory"), "{error}");
}

#[test]
fn a_source_that_others_made_a_link_is_not_followed() {
    let machine = Machine::new();
    let victim = victim(&machine);
    open_to_all(&machine.path("srv"));
    fs::remove_dir_all(machine.source()).unwrap();
    symlink(&victim, machine.source()).unwrap();
    let restored = machine.restore(&Request::whole("latest"));
    assert_untouched(&victim);
    assert_eq!(machine.happened(), "");
    assert_eq!(restored.outcome, Outcome::Failed);
}

#[test]
fn a_directory_exchanged_for_a_link_meanwhile_is_not_followed() {
    let machine = Machine::new();
    let victim = victim(&machine);
    let sub = machine.source().join("sub");
    open_to_all(&machine.source());
    open_to_all(&sub);
    fs::write(sub.join("file"), "old").unwrap();
    let (away, place) = (machine.source().join("away"), sub.clone());
    let link = victim.clone();
    machine.script.borrow_mut().during_restore = Some(Box::new(move |_| {
        fs::rename(&place, &away).unwrap();
        symlink(&link, &place).unwrap();
    }));
    let restored = machine.restore(&one_path(sub.join("file")));
    assert_untouched(&victim);
    assert_eq!(restored.outcome, Outcome::Failed);
    let kept = fs::read_to_string(machine.source().join("away/file"));
    assert_eq!(kept.unwrap(), "old");
}

#[test]
fn the_provider_writes_where_nobody_else_can_exchange_names() {
    let machine = Machine::new();
    let hostile = machine.source();
    let sub = hostile.join("sub");
    open_to_all(&hostile);
    open_to_all(&sub);
    machine.script.borrow_mut().during_restore = Some(Box::new(move |into| {
        assert!(!into.starts_with(&hostile), "writes to {}", into.display());
    }));
    let restored = machine.restore(&one_path(sub.join("new")));
    assert_eq!(restored.outcome, Outcome::Success, "{restored}");
    let content = fs::read_to_string(sub.join("new/file"));
    assert_eq!(content.unwrap(), "restored");
}

#[test]
fn a_target_that_somebody_else_prepared_is_refused() {
    let machine = Machine::new();
    let victim = victim(&machine);
    let target = machine.path("target");
    open_to_all(&target);
    let request = Request {
        target: Some(target.clone()),
        ..Request::whole("latest")
    };
    let first = machine.source();
    let first = first.components().nth(1).unwrap();
    symlink(&victim, target.join(first)).unwrap();
    let restored = machine.restore(&request);
    assert_untouched(&victim);
    assert_eq!(machine.happened(), "");
    let error = restored.error.unwrap().to_string();
    assert!(error.starts_with("--target: "), "{error}");

    // Without the link, others could still put one there.
    fs::remove_file(target.join(first)).unwrap();
    assert_eq!(machine.restore(&request).outcome, Outcome::Failed);
    assert_eq!(machine.happened(), "");
}

#[test]
fn a_restore_that_does_not_fit_stops_nothing() {
    let machine = Machine::new();
    machine.script.borrow_mut().bytes = Some(1 << 60);
    let restored = machine.restore(&Request::whole("latest"));
    assert_eq!(machine.happened(), "");
    let error = restored.error.unwrap().to_string();
    assert!(error.contains("has room for"), "{error}");
}

#[test]
fn a_planted_journal_of_a_restore_moves_and_removes_nothing() {
    let machine = Machine::new();
    let victim = victim(&machine);
    let evil = machine.path("evil");
    fs::create_dir(&evil).unwrap();
    fs::write(evil.join("file"), "evil").unwrap();
    // What a restore of the attacker's own data may have.
    let own = machine.path("srv/.data.backupservice-new-77");
    fs::create_dir(&own).unwrap();
    let file = victim.join("file");
    let roll_back = |from: &Path, existed: bool| {
        serde_json::json!({ "action": "rollBack", "from": from, "to": file,
            "fresh": own.join("data"), "existed": existed })
    };
    let steps = [
        // Put in its place.
        roll_back(&evil.join("file"), true),
        // Moved to where it is removed.
        roll_back(&evil.join("absent"), false),
        roll_back(&victim.join(".file.before-restore-20261121T034701Z"), false),
        serde_json::json!({ "action": "remove", "path": victim }),
        serde_json::json!({ "action": "attributes", "path": victim,
            "notes": evil, "committed": false }),
    ];
    let journal = machine.directories().restore_intent();
    for step in steps {
        let mut step = step;
        step["done"] = false.into();
        let intent = serde_json::json!({
            "version": 1, "instance": "app", "provider": "restic", "operation": "restore",
            "runId": "77", "started": "2026-11-21T03:47:01Z", "outcome": null, "snapshot": null,
            "attempt": 1, "phase": "swap", "steps": [step],
        });
        fs::write(&journal, intent.to_string()).unwrap();
        let recovered = machine.recover(Operation::Restore, &ServiceResult::default());
        assert_untouched(&victim);
        let error = recovered.unwrap_err().to_string();
        assert!(error.contains("intent.json"), "{error}");
        assert!(journal.exists(), "it is kept, for somebody to look at");
        // Nor does the next run.
        machine.restore(&Request::whole("latest"));
        machine.back_up();
        assert_untouched(&victim);
    }
}

#[test]
fn a_link_that_a_backup_has_left_in_the_state_of_borg_is_not_followed() {
    let Some(machine) = real::machine(Program::Borg) else {
        return;
    };
    assert_eq!(machine.back_up_for_real().record.outcome, Outcome::Success);
    let victim = victim(&machine);
    let security = machine.directories().provider.join("security");
    fs::remove_dir_all(&security).unwrap();
    symlink(&victim, security).unwrap();

    let restored = machine.restore_for_real(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Success, "{:?}", restored.error);
    assert_untouched(&victim);
}

#[test]
fn a_name_as_long_as_names_can_be_is_restored_in_place() {
    let machine = Machine::new();
    let path = machine.source().join("n".repeat(255));
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "old").unwrap();
    for _again in 0..2 {
        let restored = machine.restore(&one_path(path.clone()));
        assert_eq!(restored.outcome, Outcome::Success, "{restored}");
        assert!(!restored.cleanup_failed);
        let content = fs::read_to_string(path.join("file"));
        assert_eq!(content.unwrap(), "restored");
        assert!(restored.safety_copies[0].join("file").exists());
    }
}
