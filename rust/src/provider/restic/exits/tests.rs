use super::*;
use crate::base::process::Exit;
use crate::provider::table::{Ending, classify};

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
fn every_code_has_a_verdict_and_unknown_means_failed() {
    use ProviderOperation::Backup;
    assert_eq!(verdict(Backup, 0, &[], true), Verdict::Success);
    assert_eq!(verdict(Backup, 0, &[], false), FAILED);
    assert_eq!(verdict(Backup, 3, &[], true), Verdict::Incomplete);
    assert_eq!(verdict(Backup, 3, &[], false), FAILED);
    assert_eq!(
        verdict(Backup, 10, &[], false),
        Verdict::Failure(FailureKind::NoRepository)
    );
    assert_eq!(verdict(Backup, 11, &[], false), LOCKED);
    assert_eq!(verdict(Backup, 12, &[], false), FAILED);
    assert_eq!(verdict(Backup, 130, &[], false), CANCELLED);
    for unknown in [1, 2, 4, 9, 13, 77, 255] {
        assert_eq!(verdict(Backup, unknown, &[], true), FAILED, "{unknown}");
    }
}

#[test]
fn only_a_backup_can_be_incomplete() {
    assert_eq!(verdict(ProviderOperation::Restore, 3, &[], true), FAILED);
    assert_eq!(verdict(ProviderOperation::Snapshots, 3, &[], true), FAILED);
}

#[test]
fn only_a_check_that_came_to_its_end_finds_damage() {
    use ProviderOperation::Check;
    assert_eq!(verdict(Check, 0, &[], true), Verdict::Success);
    assert_eq!(verdict(Check, 0, &[], false), FAILED);
    assert_eq!(verdict(Check, 1, &[], true), DAMAGED);
    assert_eq!(verdict(Check, 1, &[], false), FAILED);
    // A locked repository is counted as an error in the summary.
    assert_eq!(verdict(Check, 11, &[], true), LOCKED);
}

#[test]
fn messages_tell_what_a_code_does_not() {
    use ProviderOperation::Backup;
    let refused = "subprocess ssh: ssh: connect to host h port 22: Connection refused";
    assert_eq!(
        verdict(Backup, 1, &[refused, "Fatal: unable to open"], false),
        PASSING
    );
    let keys = "Fatal: create key in repository at /x failed: repository already contains keys";
    assert_eq!(verdict(ProviderOperation::Init, 1, &[keys], false), FAILED);
    assert_eq!(
        verdict(Backup, 0, &["/x does not exist, skipping"], true),
        Verdict::Incomplete
    );
    assert_eq!(
        verdict(Backup, 1, &["/x does not exist, skipping"], false),
        FAILED
    );
}

#[test]
fn what_we_stopped_is_cancelled_unless_it_was_done_already() {
    let ending = |code, proved| Ending {
        operation: ProviderOperation::Backup,
        exit: Exit {
            code: Some(code),
            signal: None,
            cancelled: true,
        },
        messages: &[],
        proved,
    };
    assert_eq!(
        classify(TABLE, &ending(1, false)).unwrap().verdict,
        CANCELLED
    );
    assert_eq!(
        classify(TABLE, &ending(130, false)).unwrap().verdict,
        CANCELLED
    );
    assert_eq!(
        classify(TABLE, &ending(0, true)).unwrap().verdict,
        Verdict::Success
    );
}
