//! `docs/reference/outcomes.md`: the tables of outcomes, for people.
//!
//! A test compares it with the file; `UPDATE_EXPECT=1 cargo test outcomes` writes it.

use std::fmt::Write;

use crate::base::outcome::{Failure, FailureKind, Outcome, exit_status};
use crate::base::problem::Problem;
use crate::cli;
use crate::provider;
use crate::provider::exit_table::{ExitClass, ProviderOperation, Row, Sign};

/// The whole file.
#[must_use]
pub fn document() -> String {
    let mut text = format!("{INTRODUCTION}\n{}", outcomes());
    for (provider, table) in provider::tables() {
        let _ = write!(text, "\n## {provider}\n\n{}", exits(table));
    }
    text
}

const INTRODUCTION: &str = "\
# Outcomes

<!-- Generated from the executor's tables by `UPDATE_EXPECT=1 cargo test outcomes`. Do not edit. -->

How a run, a restore, a listing or a maintenance ends, and what each exit of a provider means.
Two rules stand above all rows: **what is not known has failed**, and **an exit status of
0 without the message that proves the work is no success**. Whether everything could be put
back as it was is judged beside this: a unit that did not come back is `cleanupFailed` in the
record, and makes an exit status of 0 a 1.

## Exit statuses
";

fn outcomes() -> String {
    let mut text = String::from("| outcome | exit status | meaning |\n|---|---|---|\n");
    for outcome in Outcome::ALL {
        let name = outcome.as_str();
        let status = exit_status(outcome, false);
        let _ = writeln!(text, "| {name} | {status} | {} |", meaning(outcome));
        if outcome == Outcome::Failed {
            let status = exit_status(outcome, true);
            let _ = writeln!(
                text,
                "| {name} | {status} | the same, for something that may pass by itself: try again |"
            );
        }
    }
    for (status, what) in [
        (cli::USAGE, "the command line is wrong"),
        (
            cli::BAD_PLAN,
            "the plan is wrong: the system and the executor are not of one revision",
        ),
    ] {
        let _ = writeln!(text, "| none | {status} | {what} |");
    }
    text
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "everything that was promised is in the snapshot",
        Outcome::Incomplete => {
            "a snapshot was made, and marked: some of what was promised is not in it"
        }
        Outcome::Skipped => "nothing was done, on purpose",
        Outcome::Failed => "there is no snapshot, or none to rely on",
        Outcome::Cancelled => "somebody stopped it",
    }
}

fn exits(table: &[Row]) -> String {
    let mut text = String::from(
        "The first row that fits counts.\n\n\
         | operation | exit | outcome | meaning | remedy |\n|---|---|---|---|---|\n",
    );
    for row in table {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            operations(row.operations),
            sign(row.sign),
            class(row.class),
            row.meaning,
            row.remedy
        );
    }
    text
}

fn operations(operations: &[ProviderOperation]) -> String {
    if operations.is_empty() {
        return "any".to_owned();
    }
    let names: Vec<&str> = operations.iter().map(|one| one.as_str()).collect();
    names.join(", ")
}

fn sign(sign: Sign) -> String {
    match sign {
        Sign::Cancelled => "not 0, after we were asked to stop".to_owned(),
        Sign::Code(code) => format!("exit status {code}"),
        Sign::Proved(code) => format!("exit status {code}, with the message that proves the work"),
        Sign::CodeSays(code, text) => format!("exit status {code}, and it says `{text}`"),
        Sign::NoProof(code) => {
            format!("exit status {code}, **without the message that proves the work**")
        }
        Sign::ZeroBut(text) => format!("exit status 0, but it says `{text}`"),
        Sign::Says(text) => format!("not 0, and it says `{text}`"),
        Sign::Signal => "a signal that was not ours".to_owned(),
        Sign::Other => "**anything else**".to_owned(),
    }
}

fn class(class: ExitClass) -> String {
    let kind = match class {
        ExitClass::Success => return Outcome::Success.as_str().to_owned(),
        ExitClass::Incomplete => return Outcome::Incomplete.as_str().to_owned(),
        ExitClass::Failure(kind) => kind,
    };
    let failure = Failure::of(kind, Problem::new("", ""));
    let outcome = failure.outcome();
    let status = exit_status(outcome, failure.is_transient());
    let follows = match kind {
        FailureKind::Failed | FailureKind::Transient | FailureKind::Cancelled => "",
        FailureKind::Locked => "; maintenance first removes locks of processes that are gone",
        FailureKind::Damaged => "; the record says `damaged`",
        FailureKind::NoRepository => {
            "; a backup creates the repository and goes on, and a maintenance before the first backup is skipped"
        }
    };
    format!("{}, {status}{follows}", outcome.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_document_is_what_the_tables_say() {
        if !Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).exists() {
            println!("skipped: the crate is built without the documentation");
            return;
        }
        expect_file!["../../../docs/reference/outcomes.md"].assert_eq(&document());
    }

    #[test]
    fn every_table_ends_with_unknown_means_failed_and_has_proof_for_its_successes() {
        for (provider, table) in provider::tables() {
            let last = table.last().unwrap();
            assert_eq!(
                (last.sign, last.class),
                (Sign::Other, ExitClass::Failure(FailureKind::Failed)),
                "{provider}"
            );
            for operation in [ProviderOperation::Backup, ProviderOperation::Restore] {
                assert!(
                    table.iter().any(|row| row.operations.contains(&operation)
                        && row.sign == Sign::NoProof(0)
                        && row.class == ExitClass::Failure(FailureKind::Failed)),
                    "{provider}: {operation:?} without proof"
                );
            }
        }
        let text = document();
        assert!(text.contains("**anything else** | failed, 1"), "{text}");
    }
}
