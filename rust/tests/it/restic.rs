//! What is special about the real restic.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::Machine;
use crate::common::real::{Program, back_up, machine, restic, run, with};
use backupservice::base::outcome::FailureKind;
use backupservice::provider::Snapshot;

/// What it printed on a disk that was full, 65 times.
const NO_SPACE: &str = r#"#!/bin/sh
error='{"message_type":"error","error":{"message":"write /x/data: no space left on device"},"during":"restore","item":"/data"}'
for _ in 1 2 3 4 5; do echo "$error" >&2; done
echo '{"message_type":"exit_error","code":1,"message":"Fatal: There were 65 errors"}' >&2
exit 1
"#;

#[test]
fn a_full_disk_is_told_by_what_could_not_be_written() {
    let mut machine = Machine::new();
    let program = machine.path("restic");
    fs::write(&program, NO_SPACE).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    machine.plan["provider"]["program"] = program.to_str().unwrap().into();
    let snapshot = Snapshot {
        original: None,
        id: "0123abcd".to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH,
        complete: true,
        paths: Vec::new(),
        totals: None,
    };
    let source = machine.source();
    let failure = with(&machine, |provider, job| {
        provider.restore(&snapshot, &source, &machine.path("into"), job)
    });
    let problem = failure.unwrap_err().problem;
    assert!(
        problem.message.contains("there is no space left"),
        "{problem}"
    );
    assert!(problem.message.ends_with("5 errors)"), "{problem}");
    let details = problem.details.unwrap();
    let details = details.reveal();
    assert!(
        details.ends_with("no space left on device; and 4 more"),
        "{details}"
    );
}

#[test]
fn a_locked_repository_is_a_passing_trouble() {
    let Some(machine) = machine(Program::Restic) else {
        return;
    };
    let snapshot = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
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
            "touch {}; exec tail --pid=$PPID -f /dev/null",
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
    assert_eq!(failure.unwrap_err().kind, FailureKind::Locked);
}

#[test]
fn a_repository_that_was_created_twice_at_once_is_explained() {
    let Some(machine) = machine(Program::Restic) else {
        return;
    };
    // restic overwrites `config`, and leaves both keys: it takes one that the password opens.
    let other = machine.path("other");
    run(restic(&machine).args(["init", "--repo"]).arg(&other));
    let keys = machine.path("repository/keys");
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(other.join("keys"), &keys).unwrap();
    let problem = machine.back_up_for_real().record.error.unwrap();
    let message = &problem.message;
    assert!(message.contains("do not belong together"), "{problem}");
    assert!(problem.remedy.unwrap().contains("keys/"), "{message}");
}
