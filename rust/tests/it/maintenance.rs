//! Maintenance with the real programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::common::Machine;
use crate::common::real::{
    Program, Told, archives, back_up, borg, machine, machine_without_repository, open, random,
    restic, run, with,
};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::report::maintenance::CheckResult;
use jiff::Timestamp;

with_each_provider! {
    what_no_rule_asks_for_is_forgotten_and_its_space_freed
    snapshots_of_others_are_left_alone
    incomplete_snapshots_never_take_the_place_of_complete_ones
    a_source_that_was_renamed_leaves_nothing_behind_for_ever
    damage_is_found_and_told
    where_there_is_no_repository_there_is_nothing_to_do
    a_cancel_request_stops_each_step
}

/// Another snapshot, of data that no other snapshot has. To borg, snapshots of one second
/// are one.
fn snapshot(machine: &Machine) -> String {
    if machine.plan["provider"]["type"] == "borg" {
        let now = || Timestamp::now().as_second();
        let second = now();
        while now() == second {
            thread::sleep(Duration::from_millis(10));
        }
    }
    fs::write(machine.source().join("file"), random(500_000)).unwrap();
    back_up(machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot
}

fn incomplete(machine: &Machine) -> String {
    let made = snapshot(machine);
    with(machine, |provider, job| {
        provider.mark_incomplete(&made, job).unwrap()
    })
}

fn ids(machine: &Machine) -> Vec<String> {
    let all = with(machine, |provider, job| provider.snapshots(job).unwrap());
    all.into_iter().map(|snapshot| snapshot.id).collect()
}

fn packs(machine: &Machine) -> Vec<(u64, PathBuf)> {
    let mut packs = Vec::new();
    for directory in fs::read_dir(machine.path("repository/data")).unwrap() {
        for pack in fs::read_dir(directory.unwrap().path()).unwrap() {
            let path = pack.unwrap().path();
            packs.push((path.metadata().unwrap().len(), path));
        }
    }
    packs.sort();
    packs
}

fn what_no_rule_asks_for_is_forgotten_and_its_space_freed(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let all: Vec<String> = (0..4).map(|_| snapshot(&machine)).collect();
    let before: u64 = packs(&machine).iter().map(|(size, _)| size).sum();
    let ended = machine.maintain_for_real();
    assert_eq!(ended.record.outcome, Outcome::Success, "{}", ended.record);
    let done = ended.record.done;
    assert_eq!(done.removed.as_deref(), Some(&all[..2]));
    assert_eq!(ids(&machine), all[2..]);
    let after: u64 = packs(&machine).iter().map(|(size, _)| size).sum();
    assert!(before - after > 900_000, "{before} {after}");
    assert!(done.bytes_freed.unwrap() > 900_000);
    assert_eq!(done.check, Some(CheckResult::Sound));

    let done = machine.maintain_for_real().record.done;
    assert_eq!((done.removed, done.kept), (Some(Vec::new()), Some(2)));
    // borg writes its list of archives anew each time.
    assert!(done.bytes_freed.unwrap() < 10_000);
}

fn snapshots_of_others_are_left_alone(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    let own: Vec<String> = (0..3).map(|_| snapshot(&machine)).collect();
    machine.plan["instance"] = "app2".into();
    let others: Vec<String> = (0..3).map(|_| snapshot(&machine)).collect();
    machine.plan["instance"] = "app".into();
    assert_eq!(machine.maintain_for_real().record.outcome, Outcome::Success);
    assert_eq!(ids(&machine), own[1..]);
    machine.plan["instance"] = "app2".into();
    assert_eq!(ids(&machine), others);
}

fn incomplete_snapshots_never_take_the_place_of_complete_ones(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let outdated = incomplete(&machine);
    let complete = [snapshot(&machine), snapshot(&machine)];
    let recent: Vec<String> = (0..3).map(|_| incomplete(&machine)).collect();
    let done = machine.maintain_for_real().record.done;
    assert_eq!(done.removed, Some(vec![outdated, recent[0].clone()]));
    let left = [&complete[..], &recent[1..]].concat();
    assert_eq!(ids(&machine), left);
}

fn a_source_that_was_renamed_leaves_nothing_behind_for_ever(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let other = machine.path("srv/other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "x").unwrap();
    let old = back_up(&machine, &[other]).unwrap().saved.snapshot;
    let all = [snapshot(&machine), snapshot(&machine)];
    let done = machine.maintain_for_real().record.done;
    assert_eq!(done.removed, Some(vec![old]));
    assert_eq!(ids(&machine), all);
}

fn damage_is_found_and_told(program: Program) {
    let damages: [fn(&Path); 3] = [
        |pack| fs::remove_file(pack).unwrap(),
        |pack| fs::write(pack, "short").unwrap(),
        |pack| {
            let mut content = fs::read(pack).unwrap();
            content[1000] ^= 1;
            fs::write(pack, content).unwrap();
        },
    ];
    for damage in damages {
        let Some(machine) = machine(program) else {
            return;
        };
        snapshot(&machine);
        let (_, largest) = packs(&machine).pop().unwrap();
        fs::set_permissions(&largest, fs::Permissions::from_mode(0o600)).unwrap();
        damage(&largest);
        let ended = machine.maintain_for_real();
        assert_eq!(ended.exit_status(), 1);
        assert_eq!(ended.record.done.check, Some(CheckResult::Damaged));
        let problem = ended.record.error.unwrap();
        assert!(problem.message.contains("damaged"), "{problem}");
        let remedy = problem.remedy.unwrap();
        match program {
            Program::Restic => {
                let pack = largest.file_name().unwrap().to_str().unwrap();
                let details = problem.details.unwrap();
                assert!(details.reveal().contains(pack), "{}", problem.message);
                assert!(remedy.contains("troubleshooting"), "{remedy}");
            }
            Program::Borg => assert!(remedy.contains("borg check --repair"), "{remedy}"),
        }
    }
}

#[test]
fn damage_that_only_reading_finds_is_not_looked_for_if_nothing_is_to_be_read() {
    let Some(mut machine) = machine(Program::Restic) else {
        return;
    };
    machine.plan["maintenance"]["readData"] = 0.into();
    snapshot(&machine);
    let (_, largest) = packs(&machine).pop().unwrap();
    fs::set_permissions(&largest, fs::Permissions::from_mode(0o600)).unwrap();
    let mut content = fs::read(&largest).unwrap();
    content[1000] ^= 1;
    fs::write(&largest, content).unwrap();
    assert_eq!(machine.maintain_for_real().exit_status(), 0);
    machine.plan["maintenance"]["readData"] = 99.into();
    machine.maintain_for_real();
}

/// restic, in the middle of a backup and so with a lock.
fn in_a_backup(machine: &Machine) -> Child {
    let held = machine.path("held");
    fs::remove_file(&held).ok();
    let child = restic(machine)
        .args(["backup", "--quiet", "--stdin-from-command", "--"])
        .args(["sh", "-c"])
        .arg(format!(
            "touch {}; exec tail --pid=$PPID -f /dev/null",
            held.display()
        ))
        .spawn()
        .unwrap();
    while !held.exists() {
        thread::sleep(Duration::from_millis(20));
    }
    child
}

fn locks(machine: &Machine) -> usize {
    fs::read_dir(machine.path("repository/locks"))
        .unwrap()
        .count()
}

#[test]
fn the_lock_of_a_living_process_is_left_and_trying_again_is_advised() {
    let Some(machine) = machine(Program::Restic) else {
        return;
    };
    snapshot(&machine);
    let mut alive = in_a_backup(&machine);
    let ended = machine.maintain_for_real();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Failed, 75)
    );
    let problem = ended.record.error.unwrap();
    let words = format!("of process {} of ", alive.id());
    assert!(problem.message.contains(&words), "{problem}");
    assert!(!ended.record.done.unlocked);
    assert_eq!(locks(&machine), 1);
    alive.kill().unwrap();
    alive.wait().unwrap();
}

fn where_there_is_no_repository_there_is_nothing_to_do(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    let ended = machine.maintain_for_real();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Skipped, 0)
    );
}

fn a_cancel_request_stops_each_step(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    machine.cancel.request();
    assert_eq!(machine.maintain_for_real().exit_status(), 130);
    let cancel = machine.cancel.clone();
    let mut job = backupservice::provider::Job {
        cancel: &cancel,
        observer: &mut Told::default(),
    };
    let provider = open(&machine);
    let failures = [
        provider.prune(&mut job).unwrap_err(),
        provider.check(0, &mut job).unwrap_err(),
    ];
    assert!(
        failures
            .iter()
            .all(|failure| failure.kind == FailureKind::Cancelled)
    );
}

#[test]
fn prune_and_checkpoints_are_borgs_of_the_instance_alone() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let own = snapshot(&machine);
    let name = archives(&machine).remove(0);
    let others = [
        "app@here-b-2026-01-01T00:00:00.000000Z",
        "app@there-2026-01-01T00:00:00.000000Z",
        "app@here-b-2026-01-01T00:00:00.000000Z.checkpoint",
        "app@there-2026-01-01T00:00:00.000000Z.checkpoint",
        "app@here-2026-01-01T00:00:00",
        "app",
    ];
    let checkpoint = format!("{name}.checkpoint");
    for name in others.iter().copied().chain([checkpoint.as_str()]) {
        run(borg(&machine)
            .args(["create", &format!("::{name}")])
            .arg(machine.source()));
    }
    let ended = machine.maintain_for_real();
    assert_eq!(ended.record.outcome, Outcome::Success, "{}", ended.record);
    assert_eq!(ids(&machine), [own]);
    let left = archives(&machine);
    assert!(!left.contains(&checkpoint), "{left:?}");
    for other in others {
        assert!(left.contains(&other.to_owned()), "{other} in {left:?}");
    }
}
