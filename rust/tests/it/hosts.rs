//! A snapshot belongs to an instance of a host: several hosts share one repository.

use std::fs;

use crate::common::Machine;
use crate::common::real::{Program, machine, machine_without_repository, restic, run, snapshots};
use backupservice::base::outcome::Outcome;
use backupservice::run::restore::request::Request;
use backupservice::run::unverified;
use jiff::Timestamp;

with_each_provider! {
    another_host_sees_and_touches_nothing_of_ours
    a_restore_of_another_hosts_snapshot_has_to_be_asked_for
    what_a_killed_run_left_is_marked_on_its_own_host_alone
}

/// The same instance of another host, with the same repository.
fn other_host(machine: &Machine, program: Program) -> Machine {
    let mut other = machine_without_repository(program).unwrap();
    other.plan["repository"] = machine.plan["repository"].clone();
    other.plan["host"] = "there".into();
    other
}

fn ids(machine: &Machine) -> Vec<String> {
    snapshots(machine).into_iter().map(|one| one.id).collect()
}

fn succeeds(machine: &Machine) {
    let record = machine.back_up_for_real().record;
    assert_eq!(record.outcome, Outcome::Success, "{record}");
}

fn another_host_sees_and_touches_nothing_of_ours(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    for _ in 0..3 {
        succeeds(&machine);
    }
    let ours = ids(&machine);
    let other = other_host(&machine, program);
    assert_eq!(ids(&other), [] as [String; 0]);
    succeeds(&other);
    let theirs = ids(&other);
    assert_eq!(theirs.len(), 1);
    // Keeps two.
    let record = other.maintain_for_real().record;
    assert_eq!(record.outcome, Outcome::Success, "{record}");
    assert_eq!(ids(&machine), ours);
    machine.maintain_for_real();
    assert_eq!(ids(&machine), ours[1..]);
    assert_eq!(ids(&other), theirs);
}

fn a_restore_of_another_hosts_snapshot_has_to_be_asked_for(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    // The same paths on both.
    succeeds(&machine);
    let mut there = other_host(&machine, program);
    there.plan["sources"] = machine.plan["sources"].clone();
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    let mut request = Request::whole("latest");
    request.target = Some(target.clone());
    request.path = Some(machine.source());
    let refused = there.restore_for_real(&request);
    assert_eq!(refused.outcome, Outcome::Failed, "{refused}");
    assert!(
        refused.to_string().contains("no snapshot of app"),
        "{refused}"
    );
    request.host = Some("here".to_owned());
    let restored = there.restore_for_real(&request);
    assert_eq!(restored.outcome, Outcome::Success, "{restored}");
    let below = machine.source();
    let file = target.join(below.strip_prefix("/").unwrap()).join("file");
    assert_eq!(fs::read_to_string(file).unwrap(), "content");
}

fn what_a_killed_run_left_is_marked_on_its_own_host_alone(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let since = Timestamp::now();
    succeeds(&machine);
    let ours = ids(&machine);
    let other = other_host(&machine, program);
    unverified::raise(&other.directories(), since).unwrap();
    succeeds(&other);
    assert_eq!(ids(&machine), ours);
    assert!(snapshots(&machine)[0].complete);
}

#[test]
fn a_tag_that_somebody_adds_keeps_nothing_for_ever() {
    let Some(machine) = machine(Program::Restic) else {
        return;
    };
    for _ in 0..3 {
        succeeds(&machine);
    }
    let all = ids(&machine);
    run(restic(&machine).args(["tag", "--quiet", "--add", "mine", &all[0]]));
    machine.maintain_for_real();
    let kept = ids(&machine);
    assert_eq!(kept, all[1..], "two are kept, and the tagged one is older");
}
