//! What a crash leaves to borg: locks.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::common::real::{Program, archives, back_up_source, borg, machine, run, snapshots};
use backupservice::base::outcome::FailureKind;

#[test]
fn a_stopped_backup_leaves_neither_lock_nor_snapshot() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let fifo = machine.path("fifo");
    run(Command::new("mkfifo").arg(&fifo));
    let mut child = borg(&machine)
        .args(["create", "--read-special"])
        .arg("::app@here-2026-11-21T03:04:05.000006Z")
        .arg(&fifo)
        .spawn()
        .unwrap();
    let lock = machine.path("repository/lock.exclusive");
    while !lock.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    run(Command::new("kill").arg(child.id().to_string()));
    child.wait().unwrap();
    assert!(!lock.exists());
    assert_eq!(snapshots(&machine), []);
    back_up_source(&machine).unwrap();
    assert_eq!(archives(&machine).len(), 1);
}

#[test]
fn only_a_lock_that_is_noted_and_whose_process_is_gone_is_broken() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    let lock = machine.path("repository/lock.exclusive");
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let (gone, alive) = (ended.id(), std::process::id());
    let noted = "app@here-0123456789abcdef";
    let mut repositories = fs::read_dir(machine.directories().holders).unwrap();
    let note = repositories
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("0123456789abcdef.json");
    for (owner, is_broken) in [
        (format!("{noted}.{gone}-0"), true),
        (format!("{noted}.{alive}-0"), false),
        (format!("app@here-fedcba9876543210.{gone}-0"), false),
        (format!("elsewhere@1.{gone}-0"), false),
    ] {
        fs::write(
            &note,
            format!(r#"{{"version":1,"instance":"app","owner":"{noted}","processes":[]}}"#),
        )
        .unwrap();
        fs::create_dir(&lock).unwrap();
        fs::write(lock.join(&owner), "").unwrap();
        match back_up_source(&machine) {
            Ok(_) => assert!(is_broken, "{owner}"),
            Err(failure) => {
                assert_eq!(
                    (failure.kind, is_broken),
                    (FailureKind::Locked, false),
                    "{failure}"
                );
                fs::remove_dir_all(&lock).unwrap();
            }
        }
    }
}
