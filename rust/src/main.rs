//! The `backupservice` program.

use std::process::ExitCode;

use backupservice::base::outcome::{self, Failure};
use backupservice::base::printable::printable_lines;
use backupservice::base::problem::Problem;
use backupservice::cli::commands;
use backupservice::cli::{self, Cli, complete};
use backupservice::plan::Problems;
use clap::Parser;

fn main() -> ExitCode {
    complete::answer();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { cli::USAGE } else { 0 });
        }
    };
    match commands::execute(cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{}", printable_lines(&explain(&error)));
            ExitCode::from(exit_status(&error))
        }
    }
}

fn exit_status(error: &anyhow::Error) -> u8 {
    if error.is::<Problems>() {
        return cli::BAD_PLAN;
    }
    error.downcast_ref::<Failure>().map_or(1, |failure| {
        outcome::exit_status(failure.outcome(), failure.is_transient())
    })
}

/// Formats an error, with the remedy on a line of its own.
fn explain(error: &anyhow::Error) -> String {
    let failure = error
        .downcast_ref::<Failure>()
        .map(|failure| &failure.problem);
    if let Some(problem) = failure.or_else(|| error.downcast_ref::<Problem>()) {
        let remedy = problem.remedy.as_deref();
        let remedy = remedy.map_or_else(String::new, |remedy| format!("\nremedy: {remedy}"));
        return format!("error: {}{remedy}", problem.message);
    }
    match error.downcast_ref::<Problems>() {
        Some(problems) if error.to_string() == problems.to_string() => problems.to_string(),
        Some(problems) => format!("error: {error}\n{problems}"),
        None => format!("error: {error:#}"),
    }
}
