//! Exit tables: the meaning of a program's exit codes and messages.

use super::trouble::Trouble;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::problem::Problem;
use crate::base::process::Exit;

/// Operation of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderOperation {
    /// Create the repository.
    Init,
    /// Make a snapshot.
    Backup,
    /// Mark a snapshot as incomplete.
    Mark,
    /// Remove stale locks.
    Unlock,
    /// List snapshots.
    Snapshots,
    /// Read what a snapshot holds.
    Contents,
    /// Restore from a snapshot.
    Restore,
    /// Forget snapshots.
    Forget,
    /// Free the space of what was forgotten.
    Prune,
    /// Check the repository.
    Check,
}

impl ProviderOperation {
    /// The word for it in the documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Backup => "backup",
            Self::Mark => "mark",
            Self::Snapshots => "snapshots",
            Self::Contents => "contents",
            Self::Restore => "restore",
            Self::Forget => "forget",
            Self::Prune => "prune",
            Self::Check => "check",
            Self::Unlock => "unlock",
        }
    }
}

/// Condition that selects a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// We stopped it on request, and it did not come to its end before.
    Cancelled,
    /// The exit code.
    Code(i32),
    /// The exit code, and the message that proves the work is there.
    Proved(i32),
    /// The exit code, and one message contains this text.
    CodeSays(i32, &'static str),
    /// The exit code although the message that proves the work is not there.
    NoProof(i32),
    /// Exit code 0, and one message contains this text.
    ZeroBut(&'static str),
    /// Another exit code, and one message contains this text.
    Says(&'static str),
    /// A signal that was not ours.
    Signal,
    /// Anything else.
    Other,
}

/// Consequence of an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitClass {
    /// It was done.
    Success,
    /// A snapshot was made, but not of everything.
    Incomplete,
    /// It was not done.
    Failure(FailureKind),
}

/// One line of a table; the first that fits counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// For which operations; none means all.
    pub operations: &'static [ProviderOperation],
    /// Sign by which it is recognised.
    pub sign: Sign,
    /// Class of the exit.
    pub class: ExitClass,
    /// Meaning, for people.
    pub meaning: &'static str,
    /// Remedy, for people.
    pub remedy: &'static str,
}

/// Exit of one call of a program.
#[derive(Clone, Copy, Debug)]
pub struct ProgramExit<'a> {
    /// Operation of the call.
    pub operation: ProviderOperation,
    /// Exit status of the process.
    pub status: Exit,
    /// Error messages, the most important one last.
    pub messages: &'a [String],
    /// The message that proves the work was there.
    pub proved: bool,
    /// What the program or ssh gave as the reason, in words that name no private file.
    pub reason: Option<&'a str>,
}

/// The first row that fits. A table ends with a row for anything, so this is `None`
/// only for an incomplete table, which [`failure`] treats as a failure.
#[must_use]
pub fn classify<'t>(table: &'t [Row], exit: &ProgramExit<'_>) -> Option<&'t Row> {
    table.iter().find(|row| {
        (row.operations.is_empty() || row.operations.contains(&exit.operation))
            && fits(row.sign, exit)
    })
}

/// The failure that a row stands for.
#[must_use]
pub fn failure(
    program: &str,
    row: Option<&Row>,
    exit: &ProgramExit<'_>,
    trouble: &Trouble,
) -> Failure {
    let meaning = row.map_or("ended in a way nobody knows", |row| row.meaning);
    let kind = match row.map(|row| row.class) {
        Some(ExitClass::Failure(kind)) => kind,
        _ => FailureKind::Failed,
    };
    let how = match (exit.status.code, exit.status.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "stopped".to_owned(),
    };
    let errors = trouble.counted("error", "errors");
    let errors = errors.map_or_else(String::new, |errors| format!(", {errors}"));
    let reason = exit.reason.map(|reason| format!(": {reason}"));
    let reason = reason.unwrap_or_default();
    let problem = Problem {
        message: format!("{program}: {meaning} ({how}{errors}){reason}"),
        remedy: row
            .map(|row| row.remedy.to_owned())
            .filter(|remedy| !remedy.is_empty()),
        details: trouble.details(exit.messages.last()),
    };
    Failure::of(kind, problem)
}

/// Problem of a snapshot that lacks what there was `trouble` with.
#[must_use]
pub fn incomplete(row: &Row, last: Option<&String>, trouble: &Trouble) -> Problem {
    let files = trouble.counted("file or directory", "files or directories");
    let files = files.map_or_else(String::new, |files| format!(" ({files})"));
    let problem = Problem::new(format!("{}{files}", row.meaning), row.remedy);
    problem.with_details(trouble.details(last))
}

fn fits(sign: Sign, exit: &ProgramExit<'_>) -> bool {
    let code = exit.status.code;
    let says = |text: &str| exit.messages.iter().any(|message| message.contains(text));
    match sign {
        Sign::Cancelled => exit.status.cancelled && code != Some(0),
        Sign::Code(expected) => code == Some(expected),
        Sign::Proved(expected) => code == Some(expected) && exit.proved,
        Sign::CodeSays(expected, text) => code == Some(expected) && says(text),
        Sign::NoProof(expected) => code == Some(expected) && !exit.proved,
        Sign::ZeroBut(text) => code == Some(0) && says(text),
        Sign::Says(text) => code != Some(0) && says(text),
        Sign::Signal => exit.status.signal.is_some(),
        Sign::Other => true,
    }
}
