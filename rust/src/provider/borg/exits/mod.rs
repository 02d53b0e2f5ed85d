//! Meaning of borg's exits, with `BORG_EXIT_CODES=modern`. 1.4.

use crate::base::outcome::FailureKind;
use crate::provider::exit_table::{ExitClass, ProviderOperation, Row, Sign};
use crate::provider::foreign;

/// Said by us, since borg does not tell an empty directory from a damaged repository.
pub const EMPTY_DIRECTORY: &str = "the directory of the repository is empty";

/// Said by us as well.
pub const ONLY_LOCKS: &str = "the directory of the repository holds nothing but locks";
/// Said by us of an answer of a server, which does not tell an empty directory from any other
/// that holds no repository. Creating one fails unless it is empty.
pub const NOTHING_ON_SERVER: &str = "the directory on the server holds no repository";

const FAILED: ExitClass = ExitClass::Failure(FailureKind::Failed);
const TRANSIENT: ExitClass = ExitClass::Failure(FailureKind::Transient);
const LOCKED: ExitClass = ExitClass::Failure(FailureKind::Locked);
const CANCELLED: ExitClass = ExitClass::Failure(FailureKind::Cancelled);
const DAMAGED: ExitClass = ExitClass::Failure(FailureKind::Damaged);
const WRONG_PASSWORD: ExitClass = ExitClass::Failure(FailureKind::WrongPassword);
const MISSING: ExitClass = ExitClass::Failure(FailureKind::NoRepository);

const BACKUP: &[ProviderOperation] = &[ProviderOperation::Backup];
const INIT: &[ProviderOperation] = &[ProviderOperation::Init];
const CHECKING: &[ProviderOperation] = &[ProviderOperation::Check];
const RESTORE: &[ProviderOperation] = &[ProviderOperation::Restore];

const NETWORK: &str = "check the network, the server and repository.path; the run is tried again";
const LOOK: &str = "read borg's output in the journal of the run: `backupservice logs {instance}`";
const CREATED: &str = "check repository.path; the next backup creates the repository";
const READABLE: &str = "see what it is with `backupservice logs {instance}`, and make it readable or exclude it with excludePatterns";
const REMOVED: &str = "check that it exists, and what removes it";
const CHECK: &str =
    "run `borg check` on the repository as the user backupservice, and look for a failing disk";
const REPAIR: &str = "look for a failing disk or memory, then copy the repository, and run `borg check --repair` on it as the user backupservice";
const PASSWORD: &str = "put the password of this repository into {passwordFile}, or set repository.passwordFile to a file that has it";
const REPLACED: &str = "find out who replaced the repository; if it was you, remove {security}";
const LOCK_REMEDY: &str = "wait for that process; if it is gone for good, remove its lock as the user backupservice: `ls -l` of lock.exclusive shows it, and `borg break-lock` removes it";
const FREE: &str =
    "free space where the repository or the cache is, or restore elsewhere with --target";

/// The first row that fits counts.
#[rustfmt::skip] // a row is a line
pub const TABLE: &[Row] = &[
    row(&[], Sign::Cancelled, CANCELLED, "stopped on request", ""),
    // Whether there is a repository, and whether it is the right one.
    row(&[], Sign::Says(foreign::RESTIC), FAILED, foreign::RESTIC, "set provider = \"restic\", or choose another repository.path for a repository of borg"),
    row(&[], Sign::Code(13), MISSING, "the repository does not exist", CREATED),
    row(&[], Sign::CodeSays(15, EMPTY_DIRECTORY), MISSING, "the directory holds no repository yet", CREATED),
    row(&[], Sign::Says(NOTHING_ON_SERVER), MISSING, NOTHING_ON_SERVER, "check repository.path; if the directory is empty, the next backup creates the repository there"),
    row(&[], Sign::Code(15), FAILED, "what is there is not a repository", "check repository.path and that its disk is mounted"),
    row(INIT, Sign::Code(10), FAILED, "there is a repository already", "check repository.path"),
    row(INIT, Sign::CodeSays(19, ONLY_LOCKS), LOCKED, "the directory holds no repository yet, but files lock.* that another process uses or has left", "wait for that process; if it is gone for good, remove the files lock.*, and the next backup creates the repository"),
    row(INIT, Sign::Code(19), FAILED, "there is something else already", "check repository.path, or remove what is there"),
    // A server's error has the exit status of any error.
    row(INIT, Sign::CodeSays(2, "There is already something at "), FAILED, "there is something else already", "check repository.path, or remove what is there on the server"),
    row(INIT, Sign::CodeSays(2, "PermissionError: [Errno 13]"), FAILED, "the repository may not be created", "create the directory on the server and give it to the user that repository.path names, or choose another repository.path"),
    // A check that finds damage exits with 1, also with modern exit codes.
    row(CHECKING, Sign::Code(12), DAMAGED, "the repository is damaged", REPAIR),
    row(CHECKING, Sign::Code(90), DAMAGED, "the repository has damaged data", REPAIR),
    row(CHECKING, Sign::Code(92), DAMAGED, "the repository has damaged data", REPAIR),
    row(&[], Sign::Code(12), FAILED, "the repository is damaged", CHECK),
    row(&[], Sign::Code(16), FAILED, "the repository's file `config` is damaged", CHECK),
    row(&[], Sign::Code(17), FAILED, "the repository lacks an object", CHECK),
    row(&[], Sign::Code(21), FAILED, "the repository may not be accessed", "give the repository to the user backupservice"),
    row(&[], Sign::Code(61), FAILED, "the repository is encrypted differently than before", REPLACED),
    row(&[], Sign::Code(62), FAILED, "the repository was at another place before", "if you moved it, put BORG_RELOCATED_REPO_ACCESS_IS_OK=yes into repository.environmentFile for one run; if not, find out who did"),
    row(&[], Sign::Code(63), FAILED, "the repository is older than it was before", REPLACED),
    row(&[], Sign::Code(64), FAILED, "the repository is older than it was before", REPLACED),
    row(&[], Sign::Code(60), FAILED, "the repository is not encrypted and was never seen before", "check repository.path; borg did not send anything there"),
    row(&[], Sign::Code(44), FAILED, "the repository has lost its key", "put the key back with `borg key import`, if it was exported"),
    row(&[], Sign::Code(90), FAILED, "the repository has damaged data", CHECK),
    row(&[], Sign::Code(92), FAILED, "the repository has damaged data", CHECK),
    row(&[], Sign::Code(95), FAILED, "an archive was tampered with", CHECK),
    row(&[], Sign::Code(97), FAILED, "the repository was tampered with", CHECK),
    // What opens it.
    row(&[], Sign::Code(50), FAILED, "there is no password", PASSWORD),
    row(&[], Sign::Code(51), FAILED, "the password could not be read", PASSWORD),
    row(&[], Sign::Code(52), WRONG_PASSWORD, "the password does not open the repository", PASSWORD),
    row(&[], Sign::Code(73), LOCKED, "the repository or the cache is locked by another process", LOCK_REMEDY),
    // Space.
    row(&[], Sign::Code(14), FAILED, "there is no space left", FREE),
    row(&[], Sign::Code(20), FAILED, "the repository's quota is used up", "keep fewer snapshots, or ask for more space"),
    // A backup that came to its end: 1 if there were warnings of several kinds.
    row(BACKUP, Sign::Proved(1), ExitClass::Incomplete, "some of the data could not be read", READABLE),
    row(BACKUP, Sign::Proved(100), ExitClass::Incomplete, "a file changed while it was read", "stop what writes it with quiesce.units, dump it as a stream, or exclude it with excludePatterns"),
    row(BACKUP, Sign::Proved(101), ExitClass::Incomplete, "a source is missing", REMOVED),
    row(BACKUP, Sign::Proved(102), ExitClass::Incomplete, "some of the data could not be read", READABLE),
    row(BACKUP, Sign::Proved(103), ExitClass::Incomplete, "a file was replaced while it was read", "stop what writes it with quiesce.units, or exclude it with excludePatterns"),
    row(BACKUP, Sign::Proved(104), ExitClass::Incomplete, "some of the data could not be read", READABLE),
    row(BACKUP, Sign::Proved(105), ExitClass::Incomplete, "some of the data may not be read", READABLE),
    row(BACKUP, Sign::Proved(106), ExitClass::Incomplete, "some of the data cannot be read", "look for a failing disk"),
    row(BACKUP, Sign::Proved(107), ExitClass::Incomplete, "something disappeared while the backup ran", REMOVED),
    row(BACKUP, Sign::NoProof(0), FAILED, "it ended without having made a snapshot", LOOK),
    // A restore that came to its end, but not of everything.
    row(RESTORE, Sign::Code(101), FAILED, "the snapshot does not hold it", "choose another snapshot, or a path that it holds"),
    row(RESTORE, Sign::NoProof(0), FAILED, "it ended without having restored anything", LOOK),
    row(&[ProviderOperation::Snapshots], Sign::NoProof(0), FAILED, "it ended without having listed anything", LOOK),
    // A check that found something exits with 1, whatever it found.
    row(CHECKING, Sign::CodeSays(1, "repository check, errors found"), DAMAGED, "the repository is damaged", REPAIR),
    row(CHECKING, Sign::CodeSays(1, "check complete, problems found"), DAMAGED, "the repository is damaged", REPAIR),
    row(CHECKING, Sign::NoProof(0), FAILED, "it ended without having checked the repository", LOOK),
    row(&[], Sign::Code(30), FAILED, "there is a snapshot of that name already", "set the clock, and start it again"),
    row(&[], Sign::Code(31), FAILED, "the snapshot does not exist", "list the snapshots and choose one of them"),
    // What a code does not tell.
    row(&[], Sign::Says("No space left on device"), FAILED, "there is no space left", FREE),
    row(&[], Sign::Says("Host key verification failed"), FAILED, "the server's host key is not among the known ones", "put the server's key into repository.sshKnownHostsFile"),
    row(&[], Sign::Says("Permission denied (publickey"), FAILED, "the server does not accept the key", "check repository.sshKeyFile and the server's authorized_keys"),
    row(&[], Sign::Says("ssh: connect to host"), TRANSIENT, "the server cannot be reached", NETWORK),
    row(&[], Sign::Says("Could not resolve hostname"), TRANSIENT, "the server's name cannot be resolved", NETWORK),
    row(&[], Sign::Code(80), TRANSIENT, "the connection broke", NETWORK),
    row(&[], Sign::Code(87), TRANSIENT, "the connection broke", NETWORK),
    row(&[], Sign::Code(81), FAILED, "the server closed the connection", "read borg's output with `backupservice logs {instance}`; check repository.sshKnownHostsFile and repository.sshKeyFile, that borg is installed on the server, and that its authorized_keys allow it"),
    row(&[], Sign::Code(83), FAILED, "the server does not allow this path", "check repository.path and the server's authorized_keys"),
    row(&[], Sign::Code(0), ExitClass::Success, "done", ""),
    row(&[], Sign::Code(1), FAILED, "it had warnings", LOOK),
    row(&[], Sign::Code(2), FAILED, "it failed", LOOK),
    row(&[], Sign::Code(3), CANCELLED, "interrupted by somebody else than backupservice", "start it again"),
    row(&[], Sign::Code(130), CANCELLED, "interrupted by a signal that backupservice did not send", "start it again"),
    row(&[], Sign::Code(143), CANCELLED, "interrupted by a signal that backupservice did not send", "start it again"),
    row(&[], Sign::Signal, FAILED, "something killed it", "look into the journal for the out-of-memory killer"),
    row(&[], Sign::Other, FAILED, "it ended in a way that is not known", LOOK),
];

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
