//! What the endings of restic mean. 0.17 and later; 0.19 exits with 130 on SIGTERM and
//! with 3 for a missing source, where earlier versions exit with 1 and 0.

use super::patience::GAVE_UP;
use crate::outcome::Kind;
use crate::provider::table::{Operation, Row, Sign, Verdict};

const FAILED: Verdict = Verdict::Failure(Kind::Failed);
const PASSING: Verdict = Verdict::Failure(Kind::Passing);
const LOCKED: Verdict = Verdict::Failure(Kind::Locked);
const DAMAGED: Verdict = Verdict::Failure(Kind::Damaged);
const CANCELLED: Verdict = Verdict::Failure(Kind::Cancelled);

const NETWORK: &str = "check the network, the server and repository.path; the run is tried again";
const LOOK: &str = "read restic's own words above and the journal of the run";

/// The first row that fits counts.
pub const TABLE: &[Row] = &[
    row(&[], Sign::Cancelled, CANCELLED, "stopped on request", ""),
    row(
        &[],
        Sign::Code(10),
        Verdict::Failure(Kind::NoRepository),
        "the repository does not exist",
        "check repository.path; the next backup creates the repository",
    ),
    row(
        &[],
        Sign::Code(11),
        LOCKED,
        "the repository is locked by another process",
        "wait for the other process; if there is none any more, the next maintenance removes its lock: `backupservice maintain NAME`",
    ),
    row(
        &[],
        Sign::Code(12),
        FAILED,
        "the password does not open the repository",
        "put the password of this repository into {passwordFile}, or set repository.passwordFile to a file that has it",
    ),
    row(
        &[Operation::Backup],
        Sign::NoProof(0),
        FAILED,
        "it ended without having made a snapshot",
        LOOK,
    ),
    row(
        &[Operation::Backup],
        Sign::NoProof(3),
        FAILED,
        "it ended without having made a snapshot",
        LOOK,
    ),
    row(
        &[Operation::Backup],
        Sign::Code(3),
        Verdict::Incomplete,
        "some of the data could not be read",
        "make it readable or exclude it with excludePatterns",
    ),
    row(
        &[Operation::Backup],
        Sign::ZeroBut("does not exist, skipping"),
        Verdict::Incomplete,
        "a source disappeared while the backup began",
        "check that the directory exists, and what removes it",
    ),
    row(
        &[],
        Sign::Code(130),
        CANCELLED,
        "interrupted by a signal that backupservice did not send",
        "start it again",
    ),
    row(
        &[],
        Sign::Says("no space left on device"),
        FAILED,
        "there is no space left",
        "free space where the repository or the cache is, or restore elsewhere with --target",
    ),
    row(
        &[],
        Sign::Says("Host key verification failed"),
        FAILED,
        "the server's host key is not among the known ones",
        "put the server's key into repository.sshKnownHostsFile",
    ),
    row(
        &[],
        Sign::Says("Permission denied (publickey"),
        FAILED,
        "the server does not accept the key",
        "check repository.sshKeyFile and the server's authorized_keys",
    ),
    network("ssh: connect to host", "the server cannot be reached"),
    network(
        "Could not resolve hostname",
        "the server's name cannot be resolved",
    ),
    network("no such host", "the server's name cannot be resolved"),
    network("connection refused", "the server cannot be reached"),
    network("network is unreachable", "there is no network"),
    network("no route to host", "the server cannot be reached"),
    network("i/o timeout", "the server does not answer"),
    network("request timeout", "the server does not answer"),
    row(
        &[],
        Sign::Says("signature we calculated does not match"),
        FAILED,
        "the server does not accept the key",
        "check the key and its secret in repository.environmentFile",
    ),
    network(GAVE_UP, "the server does not do what it is asked"),
    row(
        &[Operation::Init],
        Sign::Says("repository already contains"),
        FAILED,
        "the repository has lost its file `config`, and is not made anew over what it still holds",
        "put the file back from a copy of the repository; or move the repository away, and the next backup begins a new one",
    ),
    row(
        &[Operation::Init],
        Sign::Says("already exists"),
        FAILED,
        "there is a repository already",
        "check repository.path",
    ),
    row(
        &[Operation::Init],
        Sign::NoProof(0),
        FAILED,
        "it ended without having created the repository",
        LOOK,
    ),
    row(
        &[Operation::Mark],
        Sign::NoProof(0),
        FAILED,
        "it ended without having marked the snapshot",
        LOOK,
    ),
    row(
        &[Operation::Restore],
        Sign::NoProof(0),
        FAILED,
        "it ended without having restored anything",
        LOOK,
    ),
    row(
        &[Operation::Check],
        Sign::NoProof(0),
        FAILED,
        "it ended without having checked the repository",
        LOOK,
    ),
    row(
        &[Operation::Check],
        Sign::Proved(1),
        DAMAGED,
        "the repository is damaged",
        "look for a failing disk or memory, then repair it as https://restic.readthedocs.io/en/stable/077_troubleshooting.html says, as the user backupservice",
    ),
    row(&[], Sign::Code(0), Verdict::Success, "done", ""),
    row(&[], Sign::Code(1), FAILED, "it failed", LOOK),
    row(
        &[],
        Sign::Code(2),
        FAILED,
        "it crashed",
        "look for a known bug of this version of restic; memory may have run out",
    ),
    row(
        &[],
        Sign::Signal,
        FAILED,
        "something killed it",
        "look into the journal for the out-of-memory killer",
    ),
    row(
        &[],
        Sign::Other,
        FAILED,
        "it ended in a way that is not known",
        LOOK,
    ),
];

/// A trouble with the network, recognised by restic's or ssh's own words.
const fn network(words: &'static str, meaning: &'static str) -> Row {
    row(&[], Sign::Says(words), PASSING, meaning, NETWORK)
}

const fn row(
    operations: &'static [Operation],
    sign: Sign,
    verdict: Verdict,
    meaning: &'static str,
    remedy: &'static str,
) -> Row {
    Row {
        operations,
        sign,
        verdict,
        meaning,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Exit;
    use crate::provider::table::{Ending, classify};

    fn verdict(operation: Operation, code: i32, messages: &[&str], proved: bool) -> Verdict {
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
        use Operation::Backup;
        assert_eq!(verdict(Backup, 0, &[], true), Verdict::Success);
        assert_eq!(verdict(Backup, 0, &[], false), FAILED);
        assert_eq!(verdict(Backup, 3, &[], true), Verdict::Incomplete);
        assert_eq!(verdict(Backup, 3, &[], false), FAILED);
        assert_eq!(
            verdict(Backup, 10, &[], false),
            Verdict::Failure(Kind::NoRepository)
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
        assert_eq!(verdict(Operation::Restore, 3, &[], true), FAILED);
        assert_eq!(verdict(Operation::Snapshots, 3, &[], true), FAILED);
    }

    #[test]
    fn only_a_check_that_came_to_its_end_finds_damage() {
        use Operation::Check;
        assert_eq!(verdict(Check, 0, &[], true), Verdict::Success);
        assert_eq!(verdict(Check, 0, &[], false), FAILED);
        assert_eq!(verdict(Check, 1, &[], true), DAMAGED);
        assert_eq!(verdict(Check, 1, &[], false), FAILED);
        // A locked repository is counted as an error in the summary.
        assert_eq!(verdict(Check, 11, &[], true), LOCKED);
    }

    #[test]
    fn messages_tell_what_a_code_does_not() {
        use Operation::Backup;
        let refused = "subprocess ssh: ssh: connect to host h port 22: Connection refused";
        assert_eq!(
            verdict(Backup, 1, &[refused, "Fatal: unable to open"], false),
            PASSING
        );
        let keys = "Fatal: create key in repository at /x failed: repository already contains keys";
        assert_eq!(verdict(Operation::Init, 1, &[keys], false), FAILED);
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
            operation: Operation::Backup,
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
}
