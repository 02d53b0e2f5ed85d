//! The `backupservice` program.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use backupservice::cli::{self, Cli, Command};
use backupservice::paths::Host;
use backupservice::plan::{Plan, Problems};
use backupservice::problem::Problem;
use backupservice::{check_plan, prepare, secrets, status};
use clap::Parser;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { cli::USAGE } else { 0 });
        }
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", explain(&error));
            let bad_plan = error.is::<Problems>();
            ExitCode::from(if bad_plan { cli::BAD_PLAN } else { 1 })
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let host = Host::new(cli.root);
    match cli.command {
        Command::Status(args) => {
            let now = jiff::Zoned::now();
            let ask = &status::activity::ask_systemd;
            let text = status::run(&host, args.name.as_deref(), args.json, &now, ask)?;
            print(text.as_bytes())
        }
        Command::Prepare(args) => prepare::run(&Plan::load(&args.plan)?, &host),
        Command::Secrets(args) => secrets::run(&args.spec, &mut io::stderr()),
        Command::CheckPlan(args) => check_plan::run(&args.files, args.policy()),
        Command::Completions { shell } => print(&cli::completions(shell)),
        Command::Man { dir } => cli::manual_pages(&dir)
            .with_context(|| format!("cannot write manual pages into {}", dir.display())),
        Command::Run(_) | Command::Snapshots(_) | Command::Restore(_) | Command::Recover(_) => {
            bail!("not wired yet")
        }
    }
}

/// Writes to standard output, whose reader (`head`) may have had enough.
fn print(text: &[u8]) -> anyhow::Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What went wrong, and on a line of its own what to do.
fn explain(error: &anyhow::Error) -> String {
    if let Some(problem) = error.downcast_ref::<Problem>() {
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
