use super::*;
use crate::base::process::Exit;
use crate::provider::exit_table::{ProgramExit, classify};

fn class_of(operation: ProviderOperation, code: i32, messages: &[&str], proved: bool) -> ExitClass {
    let messages: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let exit = Exit {
        code: Some(code),
        signal: None,
        cancelled: false,
    };
    let exit = ProgramExit {
        operation,
        status: exit,
        messages: &messages,
        proved,
        reason: None,
    };
    classify(TABLE, &exit).unwrap().class
}

#[test]
fn every_code_has_a_class_and_unknown_means_failed() {
    use ProviderOperation::Backup;
    assert_eq!(class_of(Backup, 0, &[], true), ExitClass::Success);
    assert_eq!(class_of(Backup, 0, &[], false), FAILED);
    assert_eq!(class_of(Backup, 3, &[], true), ExitClass::Incomplete);
    assert_eq!(class_of(Backup, 3, &[], false), FAILED);
    assert_eq!(
        class_of(Backup, 10, &[], false),
        ExitClass::Failure(FailureKind::NoRepository)
    );
    assert_eq!(class_of(Backup, 11, &[], false), LOCKED);
    let torn = ["Fatal: invalid lock file: LoadRaw(<lock/82fe6ef4e7>): invalid data returned"];
    assert_eq!(class_of(ProviderOperation::Prune, 1, &torn, false), FAILED);
    assert_eq!(
        class_of(Backup, 12, &[], false),
        ExitClass::Failure(FailureKind::WrongPassword)
    );
    assert_eq!(class_of(Backup, 130, &[], false), CANCELLED);
    for unknown in [1, 2, 4, 9, 13, 77, 255] {
        assert_eq!(class_of(Backup, unknown, &[], true), FAILED, "{unknown}");
    }
}

#[test]
fn only_a_backup_can_be_incomplete() {
    assert_eq!(class_of(ProviderOperation::Restore, 3, &[], true), FAILED);
    assert_eq!(class_of(ProviderOperation::Snapshots, 3, &[], true), FAILED);
}

#[test]
fn only_a_check_that_came_to_its_end_finds_damage() {
    use ProviderOperation::Check;
    assert_eq!(class_of(Check, 0, &[], true), ExitClass::Success);
    assert_eq!(class_of(Check, 0, &[], false), FAILED);
    assert_eq!(class_of(Check, 1, &[], true), DAMAGED);
    assert_eq!(class_of(Check, 1, &[], false), FAILED);
    // A locked repository is counted as an error in the summary.
    assert_eq!(class_of(Check, 11, &[], true), LOCKED);
}

#[test]
fn messages_tell_what_a_code_does_not() {
    use ProviderOperation::Backup;
    let refused = "subprocess ssh: ssh: connect to host h port 22: Connection refused";
    assert_eq!(
        class_of(Backup, 1, &[refused, "Fatal: unable to open"], false),
        TRANSIENT
    );
    let keys = "Fatal: create key in repository at /x failed: repository already contains keys";
    assert_eq!(class_of(ProviderOperation::Init, 1, &[keys], false), FAILED);
    assert_eq!(
        class_of(Backup, 0, &["/x does not exist, skipping"], true),
        ExitClass::Incomplete
    );
    assert_eq!(
        class_of(Backup, 1, &["/x does not exist, skipping"], false),
        FAILED
    );
}

#[test]
fn what_we_stopped_is_cancelled_unless_it_was_done_already() {
    let exit = |code, proved| ProgramExit {
        operation: ProviderOperation::Backup,
        status: Exit {
            code: Some(code),
            signal: None,
            cancelled: true,
        },
        messages: &[],
        proved,
        reason: None,
    };
    assert_eq!(classify(TABLE, &exit(1, false)).unwrap().class, CANCELLED);
    assert_eq!(classify(TABLE, &exit(130, false)).unwrap().class, CANCELLED);
    assert_eq!(
        classify(TABLE, &exit(0, true)).unwrap().class,
        ExitClass::Success
    );
}
