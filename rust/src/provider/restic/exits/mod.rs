//! Meaning of restic's exits. 0.17 and later; 0.19 exits with 130 on SIGTERM and
//! with 3 for a missing source, where earlier versions exit with 1 and 0.

use super::retry_limit::{GAVE_UP, NO_BUCKET, UNKNOWN_KEY, WRONG_KEY};
use crate::base::outcome::FailureKind;
use crate::provider::OTHER_REPOSITORY;
use crate::provider::exit_table::{ExitClass, ProviderOperation, Row, Sign};
use crate::provider::foreign;

const FAILED: ExitClass = ExitClass::Failure(FailureKind::Failed);
const TRANSIENT: ExitClass = ExitClass::Failure(FailureKind::Transient);
const LOCKED: ExitClass = ExitClass::Failure(FailureKind::Locked);
const DAMAGED: ExitClass = ExitClass::Failure(FailureKind::Damaged);
const CANCELLED: ExitClass = ExitClass::Failure(FailureKind::Cancelled);

const NETWORK: &str = "check the network, the server and repository.path; the run is tried again";
const LOOK: &str =
    "read restic's output in the journal of the run: `backupservice logs {instance}`";

/// Sign of a password that opens no key.
pub const WRONG_PASSWORD: Sign = Sign::Code(12);

/// The first row that fits counts.
pub const TABLE: &[Row] = &[
    row(&[], Sign::Cancelled, CANCELLED, "stopped on request", ""),
    row(
        &[],
        Sign::Says(foreign::BORG),
        FAILED,
        foreign::BORG,
        "set provider = \"borg\", or choose another repository.path for a repository of restic",
    ),
    row(
        &[],
        Sign::Code(10),
        ExitClass::Failure(FailureKind::NoRepository),
        "the repository does not exist",
        "check repository.path; the next backup creates the repository",
    ),
    row(
        &[],
        Sign::Code(11),
        LOCKED,
        "the repository is locked by another process",
        "wait for that process; if it is gone for good, remove its lock as the user backupservice: `restic list locks` and `restic cat lock ID` show it, `restic unlock` removes it on its own host, and anywhere once it is 30 minutes old",
    ),
    row(
        &[],
        Sign::Says("invalid lock file"),
        FAILED,
        "the repository has a lock that cannot be read",
        "check that nobody works on the repository, and delete the damaged file in its directory locks/",
    ),
    row(
        &[],
        WRONG_PASSWORD,
        ExitClass::Failure(FailureKind::WrongPassword),
        "the password does not open the repository",
        "put the password of this repository into {passwordFile}, or set repository.passwordFile to a file that has it",
    ),
    row(
        &[],
        Sign::Says("is damaged: ciphertext verification failed"),
        FAILED,
        "a key and the file `config` of the repository do not belong together",
        "if two machines may have created the repository at the same moment, delete the file in its directory keys/ that is named in `backupservice logs {instance}`; otherwise look for a failing disk",
    ),
    row(
        &[ProviderOperation::Backup],
        Sign::NoProof(0),
        FAILED,
        "it ended without having made a snapshot",
        LOOK,
    ),
    row(
        &[ProviderOperation::Backup],
        Sign::NoProof(3),
        FAILED,
        "it ended without having made a snapshot",
        LOOK,
    ),
    row(
        &[ProviderOperation::Backup],
        Sign::Code(3),
        ExitClass::Incomplete,
        "some of the data could not be read",
        "see what it is with `backupservice logs {instance}`, and make it readable or exclude it with excludePatterns",
    ),
    row(
        &[ProviderOperation::Backup],
        Sign::ZeroBut("does not exist, skipping"),
        ExitClass::Incomplete,
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
    key(WRONG_KEY),
    key(UNKNOWN_KEY),
    row(
        &[],
        Sign::Says(NO_BUCKET),
        FAILED,
        "there is no such bucket",
        "create the bucket, or check repository.path",
    ),
    network(GAVE_UP, "the server does not do what it is asked"),
    row(
        &[ProviderOperation::Backup],
        Sign::Says("failed to load snapshot"),
        FAILED,
        "the repository does not hold the last snapshot of this instance",
        OTHER_REPOSITORY,
    ),
    row(
        &[ProviderOperation::Init],
        Sign::Says("repository already contains"),
        FAILED,
        "the repository has lost its file `config`, and is not made anew over what it still holds",
        "put the file back from a copy of the repository; or move the repository away, and the next backup begins a new one",
    ),
    row(
        &[ProviderOperation::Init],
        Sign::Says("already exists"),
        FAILED,
        "there is a repository already",
        "check repository.path",
    ),
    row(
        &[ProviderOperation::Init],
        Sign::NoProof(0),
        FAILED,
        "it ended without having created the repository",
        LOOK,
    ),
    row(
        &[ProviderOperation::Mark],
        Sign::NoProof(0),
        FAILED,
        "it ended without having marked the snapshot",
        LOOK,
    ),
    row(
        &[ProviderOperation::Restore],
        Sign::NoProof(0),
        FAILED,
        "it ended without having restored anything",
        LOOK,
    ),
    row(
        &[ProviderOperation::Check],
        Sign::NoProof(0),
        FAILED,
        "it ended without having checked the repository",
        LOOK,
    ),
    row(
        &[ProviderOperation::Check],
        Sign::Proved(1),
        DAMAGED,
        "the repository is damaged",
        "look for a failing disk or memory, then repair it as https://restic.readthedocs.io/en/stable/077_troubleshooting.html says, as the user backupservice",
    ),
    row(&[], Sign::Code(0), ExitClass::Success, "done", ""),
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

/// A network problem, recognised by restic's or ssh's output.
const fn network(words: &'static str, meaning: &'static str) -> Row {
    row(&[], Sign::Says(words), TRANSIENT, meaning, NETWORK)
}

/// Errors of an S3 server that does not accept the keys.
const fn key(words: &'static str) -> Row {
    row(
        &[],
        Sign::Says(words),
        FAILED,
        "the server does not accept the key",
        "check the key and its secret in repository.environmentFile",
    )
}

const fn row(
    operations: &'static [ProviderOperation],
    sign: Sign,
    class: ExitClass,
    meaning: &'static str,
    remedy: &'static str,
) -> Row {
    Row {
        operations,
        sign,
        class,
        meaning,
        remedy,
    }
}

#[cfg(test)]
mod tests;
