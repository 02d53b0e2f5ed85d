use super::*;
use crate::base::process::Exit;
use crate::provider::exit_table::{ProgramExit, classify};

const ALL: [ProviderOperation; 7] = [
    ProviderOperation::Init,
    ProviderOperation::Backup,
    ProviderOperation::Mark,
    ProviderOperation::Unlock,
    ProviderOperation::Snapshots,
    ProviderOperation::Contents,
    ProviderOperation::Restore,
];

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
fn warnings_make_a_backup_incomplete_only_if_there_is_an_archive() {
    for code in [1, 100, 101, 102, 103, 104, 105, 106, 107] {
        let proved = class_of(ProviderOperation::Backup, code, &[], true);
        assert_eq!(proved, ExitClass::Incomplete, "{code}");
        assert_eq!(
            class_of(ProviderOperation::Backup, code, &[], false),
            FAILED,
            "{code}"
        );
    }
    assert_eq!(
        class_of(ProviderOperation::Backup, 0, &[], true),
        ExitClass::Success
    );
    assert_eq!(class_of(ProviderOperation::Backup, 0, &[], false), FAILED);
}

#[test]
fn a_warning_about_space_does_not_hide_that_there_is_an_archive() {
    let full = ["/x: read: [Errno 28] No space left on device"];
    let proved = class_of(ProviderOperation::Backup, 104, &full, true);
    assert_eq!(proved, ExitClass::Incomplete);
}

#[test]
fn for_everything_else_a_warning_is_a_failure() {
    for operation in ALL
        .into_iter()
        .filter(|each| *each != ProviderOperation::Backup)
    {
        for code in [1, 100, 101, 102, 104, 105, 106, 107] {
            assert_eq!(
                class_of(operation, code, &[], true),
                FAILED,
                "{operation:?} {code}"
            );
        }
    }
}

#[test]
fn unknown_means_failed() {
    for operation in ALL {
        for code in [5, 9, 33, 77, 99, 108, 127, 128, 137, 255] {
            assert_eq!(
                class_of(operation, code, &[], true),
                FAILED,
                "{operation:?} {code}"
            );
        }
    }
}

#[test]
fn only_a_repository_that_is_certainly_missing_is_called_missing() {
    for code in 0..=255 {
        let expected = code == 13;
        let class = class_of(ProviderOperation::Backup, code, &[], false);
        assert_eq!(class == MISSING, expected, "{code}");
    }
    let empty = [EMPTY_DIRECTORY];
    assert_eq!(
        class_of(ProviderOperation::Backup, 15, &empty, false),
        MISSING
    );
    assert_eq!(
        class_of(ProviderOperation::Backup, 16, &empty, false),
        FAILED
    );
}

#[test]
fn what_may_pass_by_itself_is_told_from_what_does_not() {
    use ProviderOperation::Backup;
    let refused = ["Remote: ssh: connect to host h port 22: Connection refused"];
    let key = ["Remote: Host key verification failed."];
    assert_eq!(class_of(Backup, 73, &[], false), LOCKED);
    assert_eq!(class_of(Backup, 80, &[], false), TRANSIENT);
    assert_eq!(class_of(Backup, 81, &refused, false), TRANSIENT);
    assert_eq!(class_of(Backup, 81, &key, false), FAILED);
    assert_eq!(class_of(Backup, 81, &[], false), FAILED);
    assert_eq!(class_of(Backup, 52, &[], false), WRONG_PASSWORD);
    assert_eq!(class_of(Backup, 143, &[], false), CANCELLED);
}
