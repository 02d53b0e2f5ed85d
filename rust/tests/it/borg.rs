//! What is special about the real borg: the traps of `docs/how-to/add-a-provider.md`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::common::Machine;
use crate::common::real::{
    Program, archives, back_up, back_up_source, borg, machine, machine_without_repository, run,
    snapshots, with,
};
use backupservice::base::outcome::{FailureKind, Outcome};

#[test]
fn an_empty_directory_is_a_missing_repository_and_anything_else_is_not() {
    let Some(machine) = machine_without_repository(Program::Borg) else {
        return;
    };
    let repository = machine.path("repository");
    fs::create_dir(&repository).unwrap();
    fs::write(repository.join("photo"), "x").unwrap();
    assert_eq!(
        back_up_source(&machine).unwrap_err().kind,
        FailureKind::Failed
    );
    let refused = with(&machine, |provider, job| provider.init(job));
    assert_eq!(refused.unwrap_err().kind, FailureKind::Failed);
    assert!(!repository.join("config").exists());

    fs::remove_file(repository.join("photo")).unwrap();
    assert_eq!(
        back_up_source(&machine).unwrap_err().kind,
        FailureKind::NoRepository
    );
    with(&machine, |provider, job| {
        provider.init(job).unwrap();
        let twice = provider.init(job).unwrap_err();
        assert!(twice.problem.message.contains("already"), "{twice}");
    });
    back_up_source(&machine).unwrap();
}

#[test]
fn archives_of_others_and_checkpoints_are_not_seen() {
    let Some(mut machine) = machine(Program::Borg) else {
        return;
    };
    let ours = back_up_source(&machine).unwrap();
    machine.plan["instance"] = "app-b".into();
    let theirs = back_up_source(&machine).unwrap();
    let name = archives(&machine).remove(0);
    let source = machine.source();
    for name in [
        format!("{name}.checkpoint"),
        format!("{name}.checkpoint.1"),
        "app-x".into(),
    ] {
        run(borg(&machine)
            .args(["create", &format!("::{name}")])
            .arg(&source));
    }
    assert_eq!(archives(&machine).len(), 5);
    let ids = |machine: &Machine| -> Vec<String> {
        let all = snapshots(machine).into_iter();
        all.map(|snapshot| snapshot.id).collect()
    };
    assert_eq!(ids(&machine), [theirs]);
    machine.plan["instance"] = "app".into();
    assert_eq!(ids(&machine), [ours]);
    machine.plan["instance"] = "ap".into();
    assert_eq!(ids(&machine), [] as [String; 0]);
}

#[test]
fn the_cache_may_be_deleted_and_what_borg_must_remember_is_not_in_it() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    let repository = machine.path("repository");
    let older = machine.path("older");
    run(Command::new("cp").arg("-a").args([&repository, &older]));
    fs::remove_dir_all(machine.directories().cache).unwrap();
    back_up_source(&machine).unwrap();
    assert_eq!(snapshots(&machine).len(), 2);

    fs::remove_dir_all(machine.directories().cache).unwrap();
    fs::remove_dir_all(&repository).unwrap();
    fs::rename(&older, &repository).unwrap();
    let failure = back_up_source(&machine).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    let remedy = failure.problem.remedy.unwrap();
    let security = machine.directories().provider.join("security");
    assert!(remedy.contains(security.to_str().unwrap()), "{remedy}");
}

#[test]
fn a_repository_that_moved_is_used_only_if_someone_says_so() {
    let Some(mut machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    let moved = machine.path("moved");
    fs::rename(machine.path("repository"), &moved).unwrap();
    machine.plan["repository"]["path"] = moved.to_str().unwrap().into();
    let failure = back_up_source(&machine).unwrap_err();
    let remedy = failure.problem.remedy.unwrap();
    let line = "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes";
    assert!(remedy.contains(line), "{remedy}");
    machine.plan["repository"]["credentials"]["environment"] = "/run/secrets/environment".into();
    fs::write(machine.path("credentials/environment"), line).unwrap();
    back_up_source(&machine).unwrap();
    fs::write(machine.path("credentials/environment"), "").unwrap();
    back_up_source(&machine).unwrap();
}

#[test]
fn the_password_is_neither_an_argument_nor_in_the_environment() {
    let Some(mut machine) = machine(Program::Borg) else {
        return;
    };
    let log = machine.path("log");
    let script = machine.path("spy");
    let real = machine.parsed_plan().provider.program;
    let text = format!(
        "#!/bin/sh\n(env; echo \"$@\") >> {}\nexec {} \"$@\"\n",
        log.display(),
        real.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    machine.plan["provider"]["program"] = script.to_str().unwrap().into();
    back_up_source(&machine).unwrap();
    let seen = fs::read_to_string(log).unwrap();
    assert!(seen.contains("BORG_EXIT_CODES=modern") && seen.contains("create --json"));
    assert!(!seen.contains("secret"), "{seen}");
}

#[test]
fn a_password_that_is_missing_is_not_asked_for() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    fs::remove_file(machine.path("credentials/password")).unwrap();
    let failure = back_up_source(&machine).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(
        failure
            .problem
            .remedy
            .unwrap()
            .contains("/run/secrets/password")
    );
}

#[test]
fn a_file_that_keeps_changing_makes_an_incomplete_snapshot() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let log = machine.source().join("log");
    fs::write(&log, vec![0; 20_000_000]).unwrap();
    let mut writer = Command::new("sh")
        .args(["-c", "while :; do printf x >> \"$0\"; done"])
        .arg(&log)
        .spawn()
        .unwrap();
    let ended = machine.back_up_for_real();
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(ended.record.outcome, Outcome::Incomplete);
    let problem = ended.record.error.unwrap();
    assert!(
        problem.message.contains("changed while it was read"),
        "{problem}"
    );
    assert!(!snapshots(&machine)[0].complete);
}

#[test]
fn warnings_of_several_kinds_are_one_incomplete_snapshot() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let secret = machine.source().join("secret");
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&secret).is_ok() {
        println!("skipped: root can read everything");
        return;
    }
    let backup = back_up(&machine, &[machine.source(), machine.path("gone")]).unwrap();
    let problem = backup.incomplete.unwrap();
    assert!(problem.message.contains("2 files"), "{problem}");
    let details = problem.details.unwrap();
    let details = details.reveal();
    assert!(details.contains("secret") && details.contains("gone"));
}

#[test]
fn a_source_that_borg_would_leave_out_in_silence_is_refused() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    let file = machine.source().join("file");
    let twin = machine.path("twin");
    fs::hard_link(&file, &twin).unwrap();
    let failure = back_up(&machine, &[file, twin]).unwrap_err();
    assert!(
        failure.problem.message.contains("one and the same"),
        "{failure}"
    );
}

#[test]
fn damage_is_told_as_such() {
    let Some(machine) = machine(Program::Borg) else {
        return;
    };
    back_up_source(&machine).unwrap();
    for entry in fs::read_dir(machine.path("repository/data/0")).unwrap() {
        damage(&entry.unwrap().path());
    }
    fs::remove_dir_all(machine.directories().cache).unwrap();
    let ended = machine.back_up_for_real();
    assert_eq!(ended.record.outcome, Outcome::Failed);
    let remedy = ended.record.error.unwrap().remedy.unwrap();
    assert!(remedy.contains("borg check"), "{remedy}");
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    for byte in bytes.iter_mut().skip(60) {
        *byte ^= 0x55;
    }
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(file, bytes).unwrap();
}
