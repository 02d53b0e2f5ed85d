//! Checks a journal that was read from the disk.
//!
//! Whoever takes over a backup can write the journal of backups, and recovery has rights
//! that a backup has not. So this journal names units of known forms and never a file.
//!
//! Restores keep theirs where no backup can write. It names files, but only as a restore
//! does: what is moved or removed has a name that tells its run, and is in the directory of
//! the data, in one above, or in the data itself if that is a mount point. So a planted journal
//! moves nothing but for somebody who may write there anyway.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use anyhow::{Result, ensure};

use crate::base::unit_names;
use crate::plan::is_unit_name;
use crate::steps::hook_facts::{is_run_id, is_snapshot_id};
use crate::steps::journal::{Action, Intent, Operation};
use crate::steps::restore_names;

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
    ensure!(
        operation == Operation::Restore || intent.mount_points.is_empty(),
        "only restores work on disks"
    );
    ensure!(intent.steps.len() <= STEPS, "it has too many steps");
    for step in &intent.steps {
        ensure!(
            allowed(&step.action, intent, operation),
            "no such run writes the step {:?}",
            step.action
        );
    }
    Ok(())
}

fn allowed(action: &Action, intent: &Intent, operation: Operation) -> bool {
    let (instance, run_id) = (&intent.instance, &intent.run_id);
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
        Action::Remove { path } => {
            is_restore && is_plain(path) && is_named(path, restore_names::incoming, run_id)
        }
        Action::Attributes { path, notes, .. } => {
            is_restore
                && is_plain(path)
                && is_plain(notes)
                && notes.parent() == Some(path)
                && is_named(notes, restore_names::notes, run_id)
        }
        Action::RollBack {
            from, to, fresh, ..
        } => {
            is_restore
                && [from, to, fresh].into_iter().all(|path| is_plain(path))
                && (is_swap(from, to, fresh, run_id) || is_swap_inside(from, to, fresh, run_id))
        }
    }
}

/// Whether the last component is what the run gives as `name` to anything.
fn is_named(path: &Path, name: impl Fn(&OsStr, &str) -> OsString, run_id: &str) -> bool {
    let start_and_end = name(OsStr::new(""), run_id);
    let end = &start_and_end.as_bytes()[1..];
    let last = path.file_name().unwrap_or_default().as_bytes();
    last.starts_with(b".") && last.ends_with(end) && last.len() > start_and_end.len()
}

/// Whether a restore can have moved `data` to `safety` and `fresh` into its place.
fn is_swap(safety: &Path, data: &Path, fresh: &Path, run_id: &str) -> bool {
    safety.parent() == data.parent() && are_of(data, safety, fresh, run_id)
}

/// The same for an entry of a mount point, whose safety copy is in it.
fn is_swap_inside(safety: &Path, entry: &Path, fresh: &Path, run_id: &str) -> bool {
    let paths = [safety, entry, fresh];
    let [Some(safety), Some(mount_point), Some(fresh)] = paths.map(Path::parent) else {
        return false;
    };
    paths
        .iter()
        .all(|path| path.file_name() == entry.file_name())
        && safety.parent() == Some(mount_point)
        && are_of(mount_point, safety, fresh, run_id)
}

/// Whether names are those of a safety copy of `data` and of new data, which was restored
/// beside it, in it, or further up.
fn are_of(data: &Path, safety: &Path, fresh: &Path, run_id: &str) -> bool {
    let (Some(name), Some(safety), Some(incoming)) =
        (data.file_name(), safety.file_name(), fresh.parent())
    else {
        return false;
    };
    let place = incoming.parent();
    restore_names::is_safety(safety, name)
        && incoming.file_name() == Some(&restore_names::incoming(name, run_id))
        && place.is_some_and(|place| data.starts_with(place))
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

    fn roll_back(from: &str, to: &str, fresh: &str) -> Value {
        json!({ "action": "rollBack", "from": from, "to": to, "fresh": fresh, "existed": true })
    }

    const COPY: &str = "/srv/a/.data.before-restore-20261121T034701Z";
    const INSIDE: &str = "/srv/a/data/.data.before-restore-20261121T034701Z/x";
    const FRESH: &str = "/srv/a/.data.backupservice-new-77/data";

    #[test]
    fn a_roll_back_moves_only_what_a_restore_has_moved() {
        for (from, to, fresh) in [
            (COPY, "/srv/a/data", FRESH),
            (COPY, "/srv/a/data", "/.data.backupservice-new-77/linked"),
            (&*format!("{COPY}-2"), "/srv/a/data", FRESH),
            (
                INSIDE,
                "/srv/a/data/x",
                "/srv/a/data/.data.backupservice-new-77/data/x",
            ),
            (
                INSIDE,
                "/srv/a/data/x",
                "/.data.backupservice-new-77/linked/x",
            ),
        ] {
            checked("restore", &roll_back(from, to, fresh)).unwrap();
        }
        for (from, to, fresh) in [
            ("/tmp/evil", "/etc/passwd", FRESH),
            (COPY, "/etc/passwd", FRESH),
            (COPY, "/srv/a/other", FRESH),
            (COPY, "/srv/data", FRESH),
            (
                "/tmp/.data.before-restore-20261121T034701Z",
                "/srv/a/data",
                FRESH,
            ),
            ("/srv/a/.data.before-restore-x", "/srv/a/data", FRESH),
            (
                COPY,
                "/srv/a/data",
                "/srv/a/.data.backupservice-new-78/data",
            ),
            (
                COPY,
                "/srv/a/data",
                "/srv/a/.other.backupservice-new-77/data",
            ),
            (COPY, "/srv/a/data", "/tmp/.data.backupservice-new-77/data"),
            (COPY, "/srv/a/data", "/srv/a/.data.backupservice-new-77"),
            (
                COPY,
                "/srv/a/data",
                "/srv/a/.data.backupservice-new-77/data/x",
            ),
            (
                INSIDE,
                "/srv/a/data/y",
                "/.data.backupservice-new-77/data/x",
            ),
            (INSIDE, "/srv/a/x", "/.data.backupservice-new-77/data/x"),
            (
                INSIDE,
                "/srv/a/data/x",
                "/.data.backupservice-new-77/data/y",
            ),
            (
                INSIDE,
                "/srv/a/data/x",
                "/tmp/.data.backupservice-new-77/data/x",
            ),
            ("/", "/", "/"),
        ] {
            let result = checked("restore", &roll_back(from, to, fresh));
            assert!(result.is_err(), "{from} {to} {fresh}");
        }
    }

    #[test]
    fn a_restore_removes_and_changes_only_what_is_named_after_its_run() {
        let remove = |path: &str| json!({ "action": "remove", "path": path });
        for path in [
            "/srv/data",
            "/srv/.data.backupservice-new-78",
            "/srv/data.backupservice-new-77",
            "/srv/.backupservice-new-77",
            "/srv/.data.backupservice-new-77/x",
            COPY,
        ] {
            assert!(checked("restore", &remove(path)).is_err(), "{path}");
        }
        let attributes = |path: &str, notes: &str| json!({ "action": "attributes", "path": path, "notes": notes, "committed": false });
        let good = attributes("/srv", "/srv/.data.backupservice-attributes-77");
        checked("restore", &good).unwrap();
        for (path, notes) in [
            ("/etc", "/srv/.data.backupservice-attributes-77"),
            ("/srv", "/srv/.data.backupservice-attributes-78"),
            ("/srv", "/srv/data"),
            ("/srv", "/srv/.backupservice-attributes-77"),
        ] {
            let result = checked("restore", &attributes(path, notes));
            assert!(result.is_err(), "{path} {notes}");
        }
    }

    #[test]
    fn each_journal_has_the_steps_of_its_own_runs() {
        let unit = |action: &str, unit: &str| json!({ "action": action, "unit": unit });
        let hook = |phase: &str, unit: &str| json!({ "action": "hook", "phase": phase, "name": "x", "unit": unit });
        let load =
            json!({ "action": "load", "name": "db", "unit": "backupservice-app-load-db.service" });
        let remove = |path: &str| json!({ "action": "remove", "path": path });
        let roll_back = roll_back(
            "/srv/.data.before-restore-20261121T034701Z",
            "/srv/data",
            "/srv/.data.backupservice-new-77/data",
        );
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
            remove("/srv/.data.backupservice-new-77"),
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
            remove("/srv/../.etc.backupservice-new-77"),
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
