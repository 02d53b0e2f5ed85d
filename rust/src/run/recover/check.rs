//! Checks a journal that was read from the disk.
//!
//! Whoever takes over a backup can write the journal of backups, and recovery has rights
//! that a backup has not. So this journal names units of known forms and never a file.
//! Restores keep theirs where no backup can write.

use std::path::{Component, Path};

use anyhow::{Result, ensure};

use crate::base::unit_names;
use crate::plan::is_unit_name;
use crate::steps::hook_facts::{is_run_id, is_snapshot_id};
use crate::steps::journal::{Action, Intent, Operation};

/// More steps than any run has.
const STEPS: usize = 100_000;

/// Checks that `intent` can be what a run of `instance` that did `operation` has written.
pub fn check(intent: &Intent, instance: &str, operation: Operation) -> Result<()> {
    ensure!(
        intent.instance == instance && intent.operation == operation,
        "it belongs to another run"
    );
    ensure!(is_run_id(&intent.run_id), "runId is not an id");
    ensure!(
        is_word(&intent.provider) && is_word(&intent.phase),
        "provider or phase is not a word"
    );
    let snapshot = intent.snapshot.as_deref();
    ensure!(snapshot.is_none_or(is_snapshot_id), "snapshot is not an id");
    ensure!(intent.steps.len() <= STEPS, "it has too many steps");
    for step in &intent.steps {
        ensure!(
            allowed(&step.action, instance, operation),
            "no such run writes the step {:?}",
            step.action
        );
    }
    Ok(())
}

fn allowed(action: &Action, instance: &str, operation: Operation) -> bool {
    let is_restore = operation == Operation::Restore;
    let own = |unit: &str, kinds: &[&str]| is_own(unit, instance, kinds, is_restore);
    match action {
        Action::Start { unit } => is_unit_name(unit) && !unit.starts_with(unit_names::PREFIX),
        Action::Stop { unit } if is_restore => own(unit, &["before-restore-"]),
        Action::Stop { unit } => own(unit, &["before-", "dump-"]),
        Action::Hook { phase, unit, .. } if is_restore => {
            phase == "after-restore" && own(unit, &["after-restore-"])
        }
        Action::Hook { phase, unit, .. } => phase == "after-backup" && own(unit, &["after-"]),
        Action::Load { unit, .. } => is_restore && own(unit, &["load-"]),
        Action::Remove { path } => is_restore && is_plain(path),
        Action::Attributes { path, notes, .. } => {
            is_restore && [path, notes].into_iter().all(|path| is_plain(path))
        }
        Action::RollBack {
            from, to, fresh, ..
        } => is_restore && [from, to, fresh].into_iter().all(|path| is_plain(path)),
    }
}

/// Whether `unit` is a hook, dump or load of the instance, of one of `kinds`.
fn is_own(unit: &str, instance: &str, kinds: &[&str], is_restore: bool) -> bool {
    let rest = unit.strip_prefix(&unit_names::prefix(instance));
    rest.is_some_and(|rest| {
        let of_restore = ["before-restore-", "after-restore-", "load-"];
        is_unit_name(unit)
            && unit.ends_with(".service")
            && kinds.iter().any(|kind| rest.starts_with(kind))
            && of_restore.iter().any(|kind| rest.starts_with(kind)) == is_restore
    })
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_plain(path: &Path) -> bool {
    let mut components = path.components();
    components.next() == Some(Component::RootDir)
        && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(operation: &str, step: &Value) -> Result<()> {
        let mut step = step.clone();
        step["done"] = false.into();
        let intent = json!({
            "version": 1, "instance": "app", "provider": "restic", "operation": operation,
            "runId": "77", "started": "2026-11-21T03:47:01Z", "outcome": null,
            "snapshot": null, "attempt": 1, "phase": "swap", "steps": [step],
        });
        let intent: Intent = serde_json::from_value(intent).unwrap();
        let operation = intent.operation;
        check(&intent, "app", operation)
    }

    #[test]
    fn each_journal_has_the_steps_of_its_own_runs() {
        let unit = |action: &str, unit: &str| json!({ "action": action, "unit": unit });
        let hook = |phase: &str, unit: &str| json!({ "action": "hook", "phase": phase, "name": "x", "unit": unit });
        let load =
            json!({ "action": "load", "name": "db", "unit": "backupservice-app-load-db.service" });
        let remove = |path: &str| json!({ "action": "remove", "path": path });
        let roll_back = json!({ "action": "rollBack", "from": "/srv/.data.before-restore-x",
            "to": "/srv/data", "fresh": "/srv/.data.backupservice-new-x/data", "existed": true });
        let backup = [
            unit("start", "app.service"),
            unit("start", "app@1.socket"),
            unit("stop", "backupservice-app-before-one.service"),
            unit("stop", "backupservice-app-dump-db.service"),
            hook("after-backup", "backupservice-app-after-one.service"),
        ];
        let restore = [
            unit("start", "app.service"),
            unit("stop", "backupservice-app-before-restore-one.service"),
            hook(
                "after-restore",
                "backupservice-app-after-restore-one.service",
            ),
            load,
            remove("/srv/.data.backupservice-new-x"),
            roll_back,
        ];
        let neither = [
            unit("start", "backupservice-other-restore@latest.service"),
            unit("start", "../app.service"),
            unit("start", "app.service\nx"),
            unit("stop", "app.service"),
            unit("stop", "backupservice-other-dump-db.service"),
            unit("stop", "backupservice-app.service"),
            hook("after-backup", "backupservice-other-after-one.service"),
            hook("before-backup", "backupservice-app-before-one.service"),
            remove("srv"),
            remove("/srv/../etc"),
        ];
        for step in &backup {
            checked("backup", step).unwrap();
        }
        for step in &restore {
            checked("restore", step).unwrap();
        }
        for step in &backup[2..] {
            assert!(checked("restore", step).is_err(), "{step}");
        }
        for step in &restore[1..] {
            assert!(checked("backup", step).is_err(), "{step}");
        }
        for step in &neither {
            assert!(checked("backup", step).is_err(), "{step}");
            assert!(checked("restore", step).is_err(), "{step}");
        }
    }
}
