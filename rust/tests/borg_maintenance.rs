//! Keeping a repository of borg in order.

#![allow(clippy::unwrap_used)] // also in helpers

mod common;

use std::fs;

use backupservice::outcome::Kind;
use backupservice::plan::Retention;
use common::Machine;
use common::real::{Program, archives, back_up_source, borg, machine, run, snapshots, with};

fn forget_all_but(machine: &Machine, last: u32) -> (usize, usize) {
    let keep = Retention {
        last: Some(last),
        ..Retention::default()
    };
    let forgotten = with(machine, |provider, job| {
        provider.forget(&keep, job).unwrap()
    });
    (forgotten.removed.len(), forgotten.kept)
}

#[test]
fn retention_keeps_what_it_says_and_no_other_instance_is_touched() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    for _ in 0..4 {
        back_up_source(&machine).unwrap();
    }
    let source = machine.source();
    for other in ["::myservice-2-2026-11-21T00:00:00.000000Z", "::by-hand"] {
        run(borg(&machine).arg("create").arg(other).arg(&source));
    }
    assert_eq!(forget_all_but(&machine, 2), (2, 2));
    assert_eq!(archives(&machine).len(), 4);
}

#[test]
fn an_incomplete_snapshot_goes_once_there_is_a_newer_complete_one() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    let doubtful = back_up_source(&machine).unwrap();
    with(&machine, |provider, job| {
        provider.mark_incomplete(&doubtful, job).unwrap();
    });
    assert_eq!(forget_all_but(&machine, 1), (0, 2));
    back_up_source(&machine).unwrap();
    assert_eq!(forget_all_but(&machine, 1), (2, 1));
    assert!(snapshots(&machine)[0].complete);
}

#[test]
fn space_is_freed_and_a_check_finds_damage() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    with(&machine, |provider, job| {
        assert_eq!(provider.prune(job), Ok(None));
        assert_eq!(provider.check(0, job), Ok(()));
    });
    let segment = fs::read_dir(machine.path("repository/data/0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&segment, bytes).unwrap();
    let failure = with(&machine, |provider, job| {
        provider.check(0, job).unwrap_err()
    });
    assert_eq!(failure.kind, Kind::Damaged, "{failure}");
}
