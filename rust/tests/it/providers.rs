//! The contract of the trait `Provider`, with the real programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::common::real::{
    Program, Told, back_up, back_up_source, machine, machine_without_repository, only, open,
    snapshots, with,
};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::provider::{Job, Selection};
use backupservice::run::restore::request::Request;
use backupservice::run::unverified;
use jiff::Timestamp;

with_each_provider! {
    a_backup_creates_the_repository_and_comes_back_complete
    excluded_files_are_left_out
    without_a_repository_nothing_but_that_is_said
    a_wrong_password_asks_for_the_stored_one
    an_unreadable_file_makes_an_incomplete_snapshot_that_is_never_the_latest
    marking_gives_a_snapshot_another_id_and_keeps_its_owner
    a_source_that_disappears_is_not_a_complete_snapshot
    snapshots_of_other_instances_are_not_seen
    a_cancel_request_stops_it
    progress_is_told_and_adds_up
    a_damaged_repository_is_not_a_missing_one
    what_a_killed_run_saved_is_marked_by_the_next_one
    the_repository_of_another_provider_is_neither_damaged_nor_locked_by_a_password
}

fn a_backup_creates_the_repository_and_comes_back_complete(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    let ended = machine.back_up_for_real();
    assert_eq!(
        ended.record.outcome,
        Outcome::Success,
        "{:?}",
        ended.record.error
    );
    let phases: Vec<&str> = ended
        .record
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    assert!(
        phases.join(" ").contains("backup init backup"),
        "{phases:?}"
    );
    assert_eq!(
        ended.record.totals.unwrap().files,
        2,
        "one file and one dump"
    );
    assert!(ended.record.totals.unwrap().bytes_added > 0);

    fs::write(machine.source().join("file"), "changed").unwrap();
    assert_eq!(machine.back_up_for_real().record.outcome, Outcome::Success);
    fs::remove_dir_all(machine.source()).unwrap();

    let restored = machine.restore_for_real(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Success, "{restored}");
    assert_eq!(
        fs::read_to_string(machine.source().join("file")).unwrap(),
        "changed"
    );
    let first = ended.record.snapshot.unwrap();
    let restored = machine.restore_for_real(&Request::whole(&first[..10]));
    assert_eq!(
        restored.snapshot.as_deref(),
        Some(first.as_str()),
        "{restored}"
    );
    assert_eq!(
        fs::read_to_string(machine.source().join("file")).unwrap(),
        "content"
    );
}

fn excluded_files_are_left_out(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    for name in ["a.tmp", "b", "x1", "y1"] {
        fs::write(machine.source().join(name), "x").unwrap();
    }
    let exclude = ["*.tmp".to_owned(), "[!xf]1".to_owned()];
    let selection = Selection {
        paths: &[machine.source()],
        exclude: &exclude,
        one_file_system: false,
        staging: None,
        last: None,
    };
    with(&machine, |provider, job| {
        let snapshot = provider.backup(&selection, job).unwrap().saved.snapshot;
        let snapshot = only(provider, job, &snapshot);
        let all: Vec<PathBuf> = ["a.tmp", "b", "x1", "y1"]
            .iter()
            .map(|name| machine.source().join(name))
            .collect();
        let missing = provider.missing(&snapshot, &all, job).unwrap();
        assert_eq!(missing, [all[0].clone(), all[3].clone()]);
    });
}

fn without_a_repository_nothing_but_that_is_said(program: Program) {
    let Some(machine) = machine_without_repository(program) else {
        return;
    };
    let failure = back_up(&machine, &[machine.source()]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NoRepository);
    assert!(!machine.path("repository").exists());
}

fn a_wrong_password_asks_for_the_stored_one(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    fs::write(machine.path("credentials/password"), "another\n").unwrap();
    let ended = machine.back_up_for_real();
    let problem = ended.record.error.unwrap();
    assert!(
        problem
            .message
            .contains("the password does not open the repository"),
        "{problem}"
    );
    assert!(
        problem
            .remedy
            .unwrap()
            .contains("put the stored password of the repository there")
    );
    assert!(!ended.record.phases.iter().any(|phase| phase.name == "init"));
}

fn an_unreadable_file_makes_an_incomplete_snapshot_that_is_never_the_latest(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let complete = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
    let secret = machine.source().join("secret");
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&secret).is_ok() {
        println!("skipped: root can read everything");
        return;
    }
    let ended = machine.back_up_for_real();
    assert_eq!(
        (ended.record.outcome, ended.exit_status()),
        (Outcome::Incomplete, 3)
    );
    let problem = ended.record.error.unwrap();
    let details = problem.details.unwrap();
    assert!(details.reveal().contains("secret"));
    with(&machine, |provider, job| {
        let all = provider.snapshots(job).unwrap();
        assert_eq!(
            all.iter()
                .map(|snapshot| snapshot.complete)
                .collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(
            ended.record.snapshot.as_ref(),
            Some(&all[1].id),
            "the id after marking"
        );
        assert_eq!(all[0].id, complete);
    });
}

fn marking_gives_a_snapshot_another_id_and_keeps_its_owner(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let made = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
    with(&machine, |provider, job| {
        let marked = provider.mark_incomplete(&made, job).unwrap();
        assert_ne!(marked, made);
        let all = provider.snapshots(job).unwrap();
        assert_eq!(all.len(), 1);
        assert!(all[0].id == marked && !all[0].complete);
    });
}

fn a_source_that_disappears_is_not_a_complete_snapshot(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let paths = [machine.source(), machine.path("gone")];
    let backup = back_up(&machine, &paths).unwrap();
    assert!(
        backup
            .incomplete
            .and_then(|problem| problem.details)
            .unwrap()
            .reveal()
            .contains("gone")
    );
    // borg makes a snapshot of nothing then, and says so.
    if let Ok(backup) = back_up(&machine, &paths[1..]) {
        assert!(backup.incomplete.is_some());
    }
}

fn snapshots_of_other_instances_are_not_seen(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    back_up(&machine, &[machine.source()]).unwrap();
    machine.plan["instance"] = "other".into();
    with(&machine, |provider, job| {
        assert_eq!(provider.snapshots(job).unwrap(), []);
    });
}

fn a_cancel_request_stops_it(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    machine.cancel.request();
    let failure = back_up(&machine, &[machine.source()]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
}

fn progress_is_told_and_adds_up(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    for name in 0..40_u8 {
        fs::write(
            machine.source().join(name.to_string()),
            vec![name; 5_000_000],
        )
        .unwrap();
    }
    let mut told = Told::default();
    let mut job = Job {
        cancel: &machine.cancel,
        observer: &mut told,
    };
    let selection = Selection {
        paths: &[machine.source()],
        exclude: &[],
        one_file_system: false,
        staging: None,
        last: None,
    };
    open(&machine).backup(&selection, &mut job).unwrap();
    assert!(!told.progress.is_empty());
    for progress in &told.progress {
        assert!((0.0..=1.0).contains(&progress.fraction));
        assert!(progress.files_done <= 41);
    }
}

fn the_repository_of_another_provider_is_neither_damaged_nor_locked_by_a_password(
    program: Program,
) {
    let (other, own_name, other_name) = match program {
        Program::Restic => (Program::Borg, "restic", "borg"),
        Program::Borg => (Program::Restic, "borg", "restic"),
    };
    let (Some(mut machine), Some(theirs)) = (machine(other), machine_without_repository(program))
    else {
        return;
    };
    machine.plan["provider"] = theirs.plan["provider"].clone();
    machine.plan["repository"]["passwordGenerated"] = true.into();
    let problem = machine.back_up_for_real().record.error.unwrap();
    assert!(
        problem
            .message
            .contains(&format!("the repository was made by {other_name}")),
        "{own_name}: {problem}"
    );
    let remedy = problem.remedy.unwrap();
    assert!(
        remedy.contains(&format!("provider = \"{other_name}\"")),
        "{remedy}"
    );
}

fn a_damaged_repository_is_not_a_missing_one(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    fs::remove_file(machine.path("repository/config")).unwrap();
    let ended = machine.back_up_for_real();
    assert_eq!(ended.record.outcome, Outcome::Failed);
    let mut phases = ended.record.phases.iter();
    let tried = phases.any(|phase| phase.name == "init");
    // restic calls a repository without its file `config` missing, and then refuses to
    // create one over what is left.
    assert_eq!(tried, program == Program::Restic);
}

fn what_a_killed_run_saved_is_marked_by_the_next_one(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let since = Timestamp::now();
    back_up_source(&machine).unwrap();
    unverified::raise(&machine.directories(), since).unwrap();
    let ended = machine.back_up_for_real();
    assert_eq!(ended.record.outcome, Outcome::Success);
    let complete: Vec<bool> = snapshots(&machine)
        .iter()
        .map(|snapshot| snapshot.complete)
        .collect();
    assert_eq!(complete, [false, true]);
    assert!(!machine.directories().unverified().exists());
}
