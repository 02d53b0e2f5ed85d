//! Success is proved: what was green without being good, with the real programs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::Machine;
use crate::common::real::{Program, machine, machine_without_repository, snapshots, with};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::report::record::Record;
use backupservice::run::restore::request::Request;
use backupservice::run::unverified;
use jiff::Timestamp;

with_each_provider! {
    a_dump_is_never_excluded
    a_dump_in_a_source_is_never_excluded
    a_pattern_that_leaves_out_a_whole_source_is_refused
    a_repository_that_is_gone_is_not_begun_anew
    an_exchanged_repository_is_a_failure
    a_repository_that_nobody_knows_yet_is_taken
    identity_that_cannot_be_read_fails_closed_until_acknowledged
}

/// Backs up and says how that ended.
fn back_up(machine: &Machine) -> Record {
    machine.back_up_for_real().record
}

fn succeeds(machine: &Machine) {
    let record = back_up(machine);
    assert_eq!(record.outcome, Outcome::Success, "{record}");
}

/// Fails without a new repository, and says how to accept one.
fn refuses(machine: &Machine, words: &str) {
    let record = back_up(machine);
    assert_eq!(record.outcome, Outcome::Failed, "{record}");
    assert!(
        !record.phases.iter().any(|phase| phase.name == "init"),
        "{record}"
    );
    let problem = record.error.unwrap();
    assert!(problem.message.contains(words), "{problem}");
    let remedy = problem.remedy.unwrap();
    assert!(remedy.contains("--new-repository"), "{remedy}");
}

fn accept_new_repository(machine: &Machine) {
    fs::write(machine.directories().runtime.join("new-repository"), "").unwrap();
}

fn holds_dump(machine: &Machine, pattern: &str) {
    let dump = machine.directories().staging().join("db");
    let newest = snapshots(machine).pop().unwrap();
    let missing = with(machine, |provider, job| {
        provider.missing(&newest, &[dump], job).unwrap()
    });
    assert_eq!(missing, [] as [PathBuf; 0], "excluded by {pattern}");
}

fn path(path: &Path, below: &str) -> String {
    format!("{}{below}", path.display())
}

fn a_dump_is_never_excluded(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    let staging = machine.directories().staging();
    for pattern in [
        "db".to_owned(),
        "d*".to_owned(),
        "**".to_owned(),
        path(&staging, ""),
        path(&staging, "/*"),
        path(&machine.path("var"), "/**"),
    ] {
        machine.plan["exclude"] = [pattern.clone()].into();
        succeeds(&machine);
        holds_dump(&machine, &pattern);
    }
}

fn a_dump_in_a_source_is_never_excluded(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    let var = machine.path("var");
    machine.plan["sources"] = [var.to_str().unwrap()].into();
    for pattern in ["db", "staging", "backupservice", "*"] {
        // borg writes the second one whenever it begins to encrypt.
        machine.plan["exclude"] = [pattern, "nonce"].into();
        succeeds(&machine);
        holds_dump(&machine, pattern);
    }
}

fn a_pattern_that_leaves_out_a_whole_source_is_refused(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    for pattern in [
        path(&machine.source(), ""),
        path(&machine.path("srv"), ""),
        path(&machine.path("srv"), "/**"),
        path(machine.root.path(), "/*/da[st]a"),
    ] {
        machine.plan["exclude"] = [pattern.clone()].into();
        let record = back_up(&machine);
        assert_eq!(record.outcome, Outcome::Failed, "{pattern}: {record}");
        let message = record.error.unwrap().message;
        assert!(message.contains("leaves out the whole source"), "{message}");
    }
    assert_eq!(machine.happened(), "", "nothing was stopped");
    machine.plan["exclude"] = [path(&machine.source(), "/**/a")].into();
    succeeds(&machine);
}

fn a_repository_that_is_gone_is_not_begun_anew(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    let repository = machine.path("repository");
    let away = machine.path("away");
    succeeds(&machine);
    fs::rename(&repository, &away).unwrap();
    refuses(&machine, "does not exist any more");
    assert!(!repository.exists());
    // The directory of a mount point without its disk, or as `prepare` makes it.
    fs::create_dir(&repository).unwrap();
    refuses(&machine, "does not exist any more");
    assert_eq!(fs::read_dir(&repository).unwrap().count(), 0);

    fs::remove_dir(&repository).unwrap();
    fs::rename(&away, &repository).unwrap();
    succeeds(&machine);
    assert_eq!(snapshots(&machine).len(), 2);

    fs::rename(&repository, &away).unwrap();
    accept_new_repository(&machine);
    succeeds(&machine);
    assert_eq!(snapshots(&machine).len(), 1);
    succeeds(&machine);
    assert!(
        !machine
            .directories()
            .runtime
            .join("new-repository")
            .exists()
    );
}

fn an_exchanged_repository_is_a_failure(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    let repository = machine.path("repository");
    succeeds(&machine);
    fs::rename(&repository, machine.path("away")).unwrap();
    with(&machine, |provider, job| provider.init(job).unwrap());
    for _ in 0..2 {
        refuses(&machine, "does not hold the last snapshot");
    }
    // Whatever was saved there meanwhile claims nothing.
    let listed = machine.restore_for_real(&Request::whole("latest"));
    assert_eq!(listed.outcome, Outcome::Failed, "{listed}");

    accept_new_repository(&machine);
    succeeds(&machine);
    succeeds(&machine);
}

fn a_repository_that_nobody_knows_yet_is_taken(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    succeeds(&machine);
    // A machine that was set up anew.
    fs::remove_dir_all(machine.directories().state).unwrap();
    fs::create_dir_all(machine.directories().state).unwrap();
    succeeds(&machine);
    assert_eq!(snapshots(&machine).len(), 2);
}

fn identity_that_cannot_be_read_fails_closed_until_acknowledged(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    succeeds(&machine);
    let before = machine.happened();
    fs::write(machine.directories().state.join("repository.json"), "{").unwrap();
    refuses(&machine, "repository.json");
    assert_eq!(machine.happened(), before, "nothing was stopped");
    accept_new_repository(&machine);
    succeeds(&machine);
    succeeds(&machine);
}

#[test]
fn baselines_outlast_the_history() {
    let machine = Machine::new();
    let back_up = |mib: u64| {
        machine.script.borrow_mut().bytes = Some(mib << 20);
        machine.back_up().record
    };
    let success = back_up(100);
    assert_eq!(success.outcome, Outcome::Success);
    for _ in 0..101 {
        let failed = Err(FailureKind::Failed);
        machine.script.borrow_mut().backups.push_back(failed);
        assert_eq!(back_up(100).outcome, Outcome::Failed);
    }
    let history = backupservice::report::history(&machine.directories()).unwrap();
    let success = history
        .iter()
        .find(|record| record.outcome == Outcome::Success);
    assert!(success.is_some(), "overdue is judged from this");
    assert_eq!(back_up(20).outcome, Outcome::Incomplete, "shrunk");
}

#[test]
fn a_baseline_that_cannot_be_read_fails_closed_until_acknowledged() {
    let machine = Machine::new();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    let before = machine.happened();
    fs::write(machine.directories().state.join("last-success.json"), "{").unwrap();
    let record = machine.back_up().record;
    assert_eq!(record.outcome, Outcome::Failed, "{record}");
    let problem = record.error.unwrap();
    assert!(problem.message.contains("last-success.json"), "{problem}");
    assert!(problem.remedy.unwrap().contains("--accept-shrink"));
    assert_eq!(machine.happened(), before, "nothing was stopped");
    fs::write(machine.directories().accept_shrink(), "").unwrap();
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
    assert_eq!(machine.back_up().record.outcome, Outcome::Success);
}

#[test]
fn a_run_that_is_killed_while_it_marks_the_last_snapshot_leaves_the_repository_usable() {
    let Some(machine) = machine_without_repository(Program::Restic) else {
        return;
    };
    let started = Timestamp::now();
    succeeds(&machine);
    let last = snapshots(&machine).remove(0).id;
    unverified::raise(&machine.directories(), started).unwrap();
    // As it is if the next run is killed before it notes that the snapshot has another id.
    let marked = with(&machine, |provider, job| {
        provider.mark_incomplete(&last, job).unwrap()
    });
    assert_ne!(marked, last);
    succeeds(&machine);
    succeeds(&machine);
    assert_eq!(snapshots(&machine).len(), 3);
}
