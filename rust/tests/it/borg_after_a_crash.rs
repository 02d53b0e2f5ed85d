//! What a crash leaves to borg: locks.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::common::real::{Program, archives, back_up_source, borg, machine, run, snapshots, with};
use backupservice::base::outcome::FailureKind;

#[test]
fn a_stopped_backup_leaves_neither_lock_nor_snapshot() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let fifo = machine.path("fifo");
    run(Command::new("mkfifo").arg(&fifo));
    for signal in ["TERM", "KILL"] {
        // With the environment of the provider, its host id above all.
        with(&machine, |provider, job| provider.snapshots(job).unwrap());
        let mut child = borg(&machine)
            .args([
                "create",
                "--read-special",
                "::app@here-2026-11-21T03:04:05.000006Z",
            ])
            .arg(&fifo)
            .spawn()
            .unwrap();
        let lock = machine.path("repository/lock.exclusive");
        while !lock.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        run(Command::new("kill").args([&format!("-{signal}"), &pid]));
        child.wait().unwrap();
        assert_eq!(lock.exists(), signal == "KILL");
        assert_eq!(snapshots(&machine), []);
    }
    back_up_source(&machine).unwrap();
    assert_eq!(archives(&machine).len(), 1);
}

#[test]
fn only_a_lock_whose_owner_is_certainly_gone_is_broken() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    let state = machine.directories().provider_state();
    let us = fs::read_to_string(state.join("host-id")).unwrap();
    let lock = machine.path("repository/lock.exclusive");
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let (gone, alive) = (ended.id(), std::process::id());
    for (owner, is_broken) in [
        (format!("{us}.{gone}-0"), true),
        (format!("{us}.{alive}-0"), false),
        (format!("elsewhere@1.{gone}-0"), false),
    ] {
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
