//! Locks in the repository: only ours are removed, and only once their holders are gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Machine;
use crate::common::real::{
    Program, machine, machine_without_repository, next_backup_dies, next_borg_dies_while_it_locks,
    run, with,
};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::provider::Unlocked;

with_each_provider! {
    the_lock_of_a_killed_run_is_removed_by_the_next
    the_lock_of_another_instance_of_this_machine_is_removed_too
    the_lock_of_a_clone_is_never_removed_but_reported
    what_a_look_costs_if_nothing_is_wrong
}

fn locks(machine: &Machine) -> Vec<PathBuf> {
    let places = ["repository/locks", "repository/lock.exclusive"];
    let listed = places.map(|place| fs::read_dir(machine.path(place)));
    let entries = listed.into_iter().flatten().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Files of the notes about processes.
fn notes(machine: &Machine) -> usize {
    let repositories = fs::read_dir(machine.directories().holders);
    let repositories = repositories.into_iter().flatten();
    repositories
        .map(|one| fs::read_dir(one.unwrap().path()).unwrap().count())
        .sum()
}

/// Leaves the lock of a backup that is killed.
fn dies(machine: &mut Machine) {
    let before = locks(machine).len();
    next_backup_dies(machine);
    let record = machine.back_up_for_real().record;
    assert_eq!(record.outcome, Outcome::Failed, "{record}");
    let message = record.error.unwrap().message;
    assert!(message.contains("something killed it"), "{message}");
    assert_eq!(locks(machine).len(), before + 1);
}

fn succeeds(machine: &Machine) {
    let record = machine.back_up_for_real().record;
    assert_eq!(record.outcome, Outcome::Success, "{record}");
}

fn maintains(machine: &Machine) {
    let record = machine.maintain_for_real().record;
    assert_eq!(record.outcome, Outcome::Success, "{record}");
    assert_eq!(locks(machine), [] as [PathBuf; 0]);
}

/// Maintenance is to be tried again; says who holds the lock, and since when.
fn waits(machine: &Machine) -> String {
    let before = locks(machine);
    let ended = machine.maintain_for_real();
    assert_eq!(ended.exit_status(), 75, "{}", ended.record);
    assert_eq!(locks(machine), before, "{}", ended.record);
    assert!(!ended.record.done.unlocked);
    let problem = ended.record.error.unwrap();
    let remedy = problem.remedy.unwrap();
    assert!(remedy.contains("if it is gone for good"), "{remedy}");
    problem.message
}

/// A machine with the same state, name and repository, and processes of its own.
fn clone_of(machine: &Machine, program: Program) -> Machine {
    let mut clone = machine_without_repository(program).unwrap();
    fs::remove_dir_all(clone.path("var")).unwrap();
    let copy = |from: &Path, to: &Path| run(Command::new("cp").arg("-a").args([from, to]));
    copy(&machine.path("var"), &clone.path("var"));
    clone.plan["repository"] = machine.plan["repository"].clone();
    std::os::unix::fs::symlink(machine.path("repository"), clone.path("repository")).unwrap();
    clone
}

fn the_lock_of_a_killed_run_is_removed_by_the_next(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    dies(&mut machine);
    assert!(notes(&machine) > 0);
    maintains(&machine);
    assert_eq!(notes(&machine), 0);

    dies(&mut machine);
    succeeds(&machine);
    assert_eq!(locks(&machine), [] as [PathBuf; 0]);
    maintains(&machine);
    assert_eq!(notes(&machine), 0);
}

fn the_lock_of_another_instance_of_this_machine_is_removed_too(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    succeeds(&machine);
    dies(&mut machine);
    machine.plan["instance"] = "app2".into();
    maintains(&machine);
}

fn the_lock_of_a_clone_is_never_removed_but_reported(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    succeeds(&machine);
    let mut clone = clone_of(&machine, program);
    // Its process is none of this machine, as if it lived on another one.
    dies(&mut clone);
    let message = waits(&machine);
    let pid = match program {
        Program::Restic => held_by(&machine),
        Program::Borg => {
            let name = locks(&machine).remove(0);
            let name = name.to_str().unwrap().rsplit_once('.').unwrap().1;
            name.split('-').next().unwrap().to_owned()
        }
    };
    for words in [&format!("of process {pid} "), "since 20", " ago)"] {
        assert!(message.contains(words), "{words} in {message}");
    }
    let record = machine.back_up_for_real().record;
    // A shared lock of restic shuts out no backups.
    assert_eq!(
        record.outcome == Outcome::Success,
        program == Program::Restic
    );
    assert_eq!(locks(&machine).len(), 1, "{record}");
    maintains(&clone);
    maintains(&machine);
}

/// The process id in the only lock.
fn held_by(machine: &Machine) -> String {
    let id = locks(machine).remove(0);
    let id = id.file_name().unwrap().to_str().unwrap();
    let lock = crate::common::real::restic(machine)
        .args(["cat", "lock", id, "--no-lock"])
        .output()
        .unwrap();
    let lock: serde_json::Value = serde_json::from_slice(&lock.stdout).unwrap();
    lock["pid"].to_string()
}

fn what_a_look_costs_if_nothing_is_wrong(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    succeeds(&machine);
    let phases = |run: Vec<_>| {
        let names = run
            .into_iter()
            .map(|phase: backupservice::report::record::Phase| phase.name);
        names.collect::<Vec<_>>()
    };
    let ended = machine.maintain_for_real().record;
    assert!(!phases(ended.phases).contains(&"unlock".to_owned()));
    assert_eq!(notes(&machine), 0);
    let unlocked = with(&machine, |provider, job| provider.unlock(job).unwrap());
    assert_eq!(unlocked, Unlocked::default());
}

#[test]
fn a_stale_lock_stays_if_restic_would_remove_that_of_a_clone_with_it() {
    let Some(mut machine) = machine(Program::Restic) else {
        return;
    };
    succeeds(&machine);
    let mut clone = clone_of(&machine, Program::Restic);
    dies(&mut clone);
    dies(&mut machine);
    let theirs = waits(&machine);
    assert_eq!(locks(&machine).len(), 2);
    assert_eq!(theirs.matches("the lock ").count(), 1, "{theirs}");
    // Somebody has looked, and found that the clone is gone.
    run(crate::common::real::restic(&machine).args(["unlock", "--quiet"]));
    maintains(&machine);
}

#[test]
fn a_lock_that_cannot_be_read_is_reported_and_stays() {
    let Some(mut machine) = machine(Program::Restic) else {
        return;
    };
    succeeds(&machine);
    dies(&mut machine);
    let lock = locks(&machine).remove(0);
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "torn").unwrap();
    let unlocked = with(&machine, |provider, job| provider.unlock(job).unwrap());
    assert!(!unlocked.removed);
    assert!(
        unlocked.left[0].contains("cannot be read"),
        "{:?}",
        unlocked.left
    );
    assert!(lock.exists());
}

#[test]
fn a_look_into_an_empty_directory_leaves_nothing_that_prevents_the_creation() {
    let Some(mut machine) = machine_without_repository(Program::Borg) else {
        return;
    };
    // As `prepare` makes it.
    fs::create_dir(machine.path("repository")).unwrap();
    next_borg_dies_while_it_locks(&mut machine);
    let looked = with(&machine, |provider, job| provider.snapshots(job));
    // If it was not met: borg is not asked.
    fs::remove_file(machine.path("provider/dies-locking")).ok();
    succeeds(&machine);
    assert_eq!(looked.unwrap_err().kind, FailureKind::NoRepository);
}

#[test]
fn locks_of_others_in_an_empty_directory_are_waited_for() {
    let Some(machine) = machine_without_repository(Program::Borg) else {
        return;
    };
    let lock = machine.path("repository/lock.exclusive.1a2b3c4d.tmp");
    fs::create_dir_all(&lock).unwrap();
    let ended = machine.back_up_for_real();
    assert_eq!(ended.exit_status(), 75, "{}", ended.record);
    let problem = ended.record.error.unwrap().to_string();
    assert!(
        problem.contains("lock.* that another process uses"),
        "{problem}"
    );
    fs::remove_dir(lock).unwrap();
    succeeds(&machine);
}
