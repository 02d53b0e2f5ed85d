//! The outcomes page of the documentation, generated from the tables of outcomes.
//!
//! A test compares it with the file; `UPDATE_EXPECT=1 cargo test outcomes` writes it.

use std::fmt::Write;

use crate::base::outcome::{Failure, FailureKind, Outcome, exit_status};
use crate::base::problem::Problem;
use crate::cli;
use crate::provider;
use crate::provider::exit_table::{ExitClass, ProviderOperation, Row, Sign};

/// The text of the page.
#[must_use]
pub fn document() -> String {
    let mut text = format!("{INTRODUCTION}\n{}", outcomes());
    for (provider, table) in provider::tables() {
        let _ = write!(text, "\n## {provider}\n\n{}", exit_table(table));
    }
    text
}

const INTRODUCTION: &str = "\
# Outcomes

<!-- Generated from the executor's tables by `UPDATE_EXPECT=1 cargo test outcomes`. Do not edit. -->

Outcomes of runs, restores, listings and maintenances, and how each exit of a provider is
classified. Two rules take precedence over all rows: **an unknown exit is a failure**, and **exit
status 0 without the message that proves the work is not a success**. Cleanup is reported
separately: if, for example, a stopped unit could not be started again, the record says
`cleanupFailed`, and exit status 0 becomes 1.

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
                "| {name} | {status} | transient failure: it may succeed when tried again later |"
            );
        }
    }
    for (status, what) in [
        (cli::USAGE, "invalid command line"),
        (
            cli::BAD_PLAN,
            "invalid plan: the system and the executor are not built from the same revision",
        ),
    ] {
        let _ = writeln!(text, "| none | {status} | {what} |");
    }
    text
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "the snapshot contains everything that the contract lists",
        Outcome::Incomplete => {
            "a snapshot was created and marked as incomplete: some of the data is not in it"
        }
        Outcome::Skipped => "nothing was done, on purpose",
        Outcome::Failed => "no usable snapshot was created",
        Outcome::Cancelled => "the run was stopped on request",
    }
}

fn exit_table(table: &[Row]) -> String {
    let mut text = String::from(
        "The first matching row applies.\n\n\
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
        Sign::Cancelled => "not 0, after a request to stop".to_owned(),
        Sign::Code(code) => format!("exit status {code}"),
        Sign::Proved(code) => format!("exit status {code}, with the message that proves the work"),
        Sign::CodeSays(code, text) => format!("exit status {code}, output contains `{text}`"),
        Sign::NoProof(code) => {
            format!("exit status {code}, **without the message that proves the work**")
        }
        Sign::ZeroBut(text) => format!("exit status 0, but output contains `{text}`"),
        Sign::Says(text) => format!("not 0, output contains `{text}`"),
        Sign::Signal => "killed by a signal from outside".to_owned(),
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
        FailureKind::Failed
        | FailureKind::Transient
        | FailureKind::WrongPassword
        | FailureKind::Cancelled => "",
        FailureKind::Locked => "; stale locks of this machine are removed first",
        FailureKind::Damaged => "; the record says `damaged`",
        FailureKind::NoRepository => {
            "; a backup creates the repository and continues, a maintenance before the first \
             backup is skipped"
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
    fn the_page_matches_the_tables() {
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
