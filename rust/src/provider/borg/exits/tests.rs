use super::*;
use crate::base::process::Exit;
use crate::provider::table::{Ending, classify};

const ALL: [ProviderOperation; 7] = [
    ProviderOperation::Init,
    ProviderOperation::Backup,
    ProviderOperation::Mark,
    ProviderOperation::Unlock,
    ProviderOperation::Snapshots,
    ProviderOperation::Contents,
    ProviderOperation::Restore,
];

fn verdict(operation: ProviderOperation, code: i32, messages: &[&str], proved: bool) -> Verdict {
    let messages: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let exit = Exit {
        code: Some(code),
        signal: None,
        cancelled: false,
    };
    let ending = Ending {
        operation,
        exit,
        messages: &messages,
        proved,
    };
    classify(TABLE, &ending).unwrap().verdict
}

#[test]
fn warnings_make_a_backup_incomplete_only_if_there_is_an_archive() {
    for code in [1, 100, 101, 102, 103, 104, 105, 106, 107] {
        let proved = verdict(ProviderOperation::Backup, code, &[], true);
        assert_eq!(proved, Verdict::Incomplete, "{code}");
        assert_eq!(
            verdict(ProviderOperation::Backup, code, &[], false),
            FAILED,
            "{code}"
        );
    }
    assert_eq!(
        verdict(ProviderOperation::Backup, 0, &[], true),
        Verdict::Success
    );
    assert_eq!(verdict(ProviderOperation::Backup, 0, &[], false), FAILED);
}

#[test]
fn a_warning_about_space_does_not_hide_that_there_is_an_archive() {
    let full = ["/x: read: [Errno 28] No space left on device"];
    let proved = verdict(ProviderOperation::Backup, 104, &full, true);
    assert_eq!(proved, Verdict::Incomplete);
}

#[test]
fn for_everything_else_a_warning_is_a_failure() {
    for operation in ALL
        .into_iter()
        .filter(|each| *each != ProviderOperation::Backup)
    {
        for code in [1, 100, 101, 102, 104, 105, 106, 107] {
            assert_eq!(
                verdict(operation, code, &[], true),
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
                verdict(operation, code, &[], true),
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
        let verdict = verdict(ProviderOperation::Backup, code, &[], false);
        assert_eq!(verdict == MISSING, expected, "{code}");
    }
    let empty = [EMPTY_DIRECTORY];
    assert_eq!(
        verdict(ProviderOperation::Backup, 15, &empty, false),
        MISSING
    );
    assert_eq!(
        verdict(ProviderOperation::Backup, 16, &empty, false),
        FAILED
    );
}

#[test]
fn what_may_pass_by_itself_is_told_from_what_does_not() {
    use ProviderOperation::Backup;
    let refused = ["Remote: ssh: connect to host h port 22: Connection refused"];
    let key = ["Remote: Host key verification failed."];
    assert_eq!(verdict(Backup, 73, &[], false), LOCKED);
    assert_eq!(verdict(Backup, 80, &[], false), PASSING);
    assert_eq!(verdict(Backup, 81, &refused, false), PASSING);
    assert_eq!(verdict(Backup, 81, &key, false), FAILED);
    assert_eq!(verdict(Backup, 81, &[], false), FAILED);
    assert_eq!(verdict(Backup, 52, &[], false), FAILED);
    assert_eq!(verdict(Backup, 143, &[], false), CANCELLED);
}
