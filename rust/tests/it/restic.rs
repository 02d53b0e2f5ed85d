//! What is special about the real restic.

use crate::common::real::{Program, back_up, machine, restic, with};
use backupservice::outcome::Kind;

#[test]
fn a_locked_repository_is_a_passing_trouble() {
    let Some(machine) = machine(Program::Restic) else {
        return;
    };
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
    assert_eq!(failure.unwrap_err().kind, Kind::Locked);
}
