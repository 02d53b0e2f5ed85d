//! The real restic.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use backupservice::outcome::{Kind, Outcome};
use backupservice::provider::{Job, Selection};
use backupservice::restore::request::Request;
use common::real_restic::{
    Told, back_up, machine, machine_without_repository, only, open, restic, with,
};

#[test]
fn a_backup_creates_the_repository_and_comes_back_complete() {
    let Some(machine) = machine_without_repository() else {
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

#[test]
fn odd_names_and_modes_survive() {
    let Some(machine) = machine() else { return };
    let odd = machine.source().join("we[i]r*d\\?");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("-dash\nnewline"), "x").unwrap();
    fs::set_permissions(&odd, fs::Permissions::from_mode(0o2750)).unwrap();
    fs::write(machine.source().join("we[i]r*d\\?."), "neighbour").unwrap();
    let snapshot = back_up(&machine, &[machine.source()]).unwrap().snapshot;
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        provider.restore(&snapshot, &odd, &target, job).unwrap();
    });
    let names: Vec<_> = fs::read_dir(&target)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names, [target.join("we[i]r*d\\?")]);
    assert!(names[0].join("-dash\nnewline").exists());
    assert_eq!(
        names[0].metadata().unwrap().permissions().mode() & 0o7777,
        0o2750
    );
}

#[test]
fn holes_are_restored_as_holes() {
    let Some(machine) = machine() else { return };
    let file = fs::File::create(machine.source().join("sparse")).unwrap();
    file.set_len(50_000_000).unwrap();
    let snapshot = back_up(&machine, &[machine.source()]).unwrap().snapshot;
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        let source = machine.source();
        provider.restore(&snapshot, &source, &target, job).unwrap();
        let restored = target.join(source.file_name().unwrap()).join("sparse");
        let metadata = restored.metadata().unwrap();
        assert_eq!(metadata.len(), 50_000_000);
        assert!(metadata.blocks() * 512 < 1_000_000, "{metadata:?}");
    });
}

#[test]
fn excluded_files_are_left_out() {
    let Some(machine) = machine() else { return };
    for name in ["a.tmp", "b", "x1", "y1"] {
        fs::write(machine.source().join(name), "x").unwrap();
    }
    let exclude = ["*.tmp".to_owned(), "[!xf]1".to_owned()];
    let selection = Selection {
        paths: &[machine.source()],
        exclude: &exclude,
    };
    with(&machine, |provider, job| {
        let snapshot = provider.backup(&selection, job).unwrap().snapshot;
        let snapshot = only(provider, job, &snapshot);
        let all: Vec<PathBuf> = ["a.tmp", "b", "x1", "y1"]
            .iter()
            .map(|name| machine.source().join(name))
            .collect();
        let missing = provider.missing(&snapshot, &all, job).unwrap();
        assert_eq!(missing, [all[0].clone(), all[3].clone()]);
    });
}

#[test]
fn without_a_repository_nothing_but_that_is_said() {
    let Some(machine) = machine_without_repository() else {
        return;
    };
    let failure = back_up(&machine, &[machine.source()]).unwrap_err();
    assert_eq!(failure.kind, Kind::NoRepository);
    assert!(!machine.path("repository").exists());
}

#[test]
fn a_wrong_password_asks_for_the_stored_one() {
    let Some(machine) = machine() else { return };
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

#[test]
fn an_unreadable_file_makes_an_incomplete_snapshot_that_is_never_the_latest() {
    let Some(machine) = machine() else { return };
    let complete = back_up(&machine, &[machine.source()]).unwrap().snapshot;
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
    assert!(problem.message.contains("secret"), "{problem}");
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

#[test]
fn marking_gives_a_snapshot_another_id_and_keeps_its_owner() {
    let Some(machine) = machine() else { return };
    let made = back_up(&machine, &[machine.source()]).unwrap().snapshot;
    with(&machine, |provider, job| {
        let marked = provider.mark_incomplete(&made, job).unwrap();
        assert_ne!(marked, made);
        let all = provider.snapshots(job).unwrap();
        assert_eq!(all.len(), 1);
        assert!(all[0].id == marked && !all[0].complete);
    });
}

#[test]
fn a_source_that_disappears_is_not_a_complete_snapshot() {
    let Some(machine) = machine() else { return };
    let paths = [machine.source(), machine.path("gone")];
    let backup = back_up(&machine, &paths).unwrap();
    assert!(backup.incomplete.unwrap().message.contains("gone"));
    let failure = back_up(&machine, &paths[1..]).unwrap_err();
    assert_eq!(failure.kind, Kind::Failed);
}

#[test]
fn snapshots_of_other_instances_are_not_seen() {
    let Some(mut machine) = machine() else { return };
    back_up(&machine, &[machine.source()]).unwrap();
    machine.plan["instance"] = "other".into();
    with(&machine, |provider, job| {
        assert_eq!(provider.snapshots(job).unwrap(), []);
    });
}

#[test]
fn a_locked_repository_is_a_passing_trouble() {
    let Some(machine) = machine() else { return };
    let snapshot = back_up(&machine, &[machine.source()]).unwrap().snapshot;
    let mut holder = restic(&machine)
        .args([
            "backup",
            "--quiet",
            "--stdin-from-command",
            "--",
            "sh",
            "-c",
        ])
        .arg(format!(
            "touch {}; sleep 60",
            machine.path("held").display()
        ))
        .spawn()
        .unwrap();
    while !machine.path("held").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let failure = with(&machine, |provider, job| {
        provider.mark_incomplete(&snapshot, job)
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(failure.unwrap_err().kind, Kind::Passing);
}

#[test]
fn a_cancel_request_stops_it() {
    let Some(machine) = machine() else { return };
    machine.cancel.request();
    let failure = back_up(&machine, &[machine.source()]).unwrap_err();
    assert_eq!(failure.kind, Kind::Cancelled);
}

#[test]
fn progress_is_told_and_adds_up() {
    let Some(machine) = machine() else { return };
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
    };
    open(&machine).backup(&selection, &mut job).unwrap();
    assert!(!told.progress.is_empty());
    for progress in &told.progress {
        assert!((0.0..=1.0).contains(&progress.fraction));
        assert!(progress.files_done <= 41);
    }
}
