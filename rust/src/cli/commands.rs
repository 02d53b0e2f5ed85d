//! Dispatch of the commands of people.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write, stderr, stdin};

use anyhow::Context;

use crate::base::cancel::Cancel;
use crate::base::outcome::{self, Failure, Outcome};
use crate::base::paths::Host;
use crate::cli::browse::Asked;
use crate::cli::{self, Cli, Command, StatusArguments, check_plan, complete, manual, unit};
use crate::client::terminal::Terminal;
use crate::client::{Accepted, Client, Reader, confirm, logs, status};
use crate::plan::Plan;
use crate::run::maintain::CheckRequest;
use crate::run::restore::request;
use crate::systemd::Systemd;
use crate::systemd::timers::UnitStates;
use crate::watch::uptime::Uptime;

/// Executes a command and returns the exit status of the process.
///
/// # Errors
/// The command failed before it could report an outcome.
pub fn execute(cli: Cli) -> anyhow::Result<u8> {
    let host = Host::new(cli.root);
    let command = cli
        .command
        .unwrap_or_else(|| Command::Status(StatusArguments::default()));
    match command {
        Command::NotifyTest(args) => ask(&host, args.json, |client| {
            client.notify_test(args.channel.as_deref())
        }),
        Command::Status(args) => status(&host, &args).map(|()| 0),
        Command::Run(args) => ask(&host, args.json, |client| {
            let accepted = Accepted {
                shrink: args.accept_shrink,
                new_repository: args.new_repository,
            };
            client.run(&args.name, accepted)
        }),
        Command::Restore(args) => restore(&host, args),
        Command::Snapshots(args) => ask(&host, args.json, |client| client.snapshots(&args.name)),
        Command::Ls(args) => Asked::from(args).run(&host).map(|()| 0),
        Command::Find(args) => Asked::from(args).run(&host).map(|()| 0),
        Command::Dump(args) => Asked::from(args).run(&host).map(|()| 0),
        Command::Diff(args) => Asked::from(args).run(&host).map(|()| 0),
        Command::Maintain(args) => {
            ask(&host, args.json, |client| client.maintain(&args.name, None))
        }
        Command::Check(args) => ask(&host, args.json, |client| {
            let check = CheckRequest {
                read_data: args.read_all.then_some(100),
            };
            client.maintain(&args.name, Some(&check))
        }),
        Command::Cancel(args) => ask(&host, args.json, |client| client.cancel(&args.name)),
        Command::Logs(args) => logs::run(&host, &args.name, args.follow, args.lines).map(|()| 0),
        Command::CheckPlan(args) => check_plan::run(&args.files, args.policy()).map(|()| 0),
        Command::Completions { shell } => print(&complete::script(shell)?).map(|()| 0),
        Command::Man { dir } => manual::write(&dir)
            .with_context(|| format!("cannot write manual pages into {}", dir.display()))
            .map(|()| 0),
        Command::Unit(command) => unit::execute(&host, &command),
    }
}

fn restore(host: &Host, args: cli::Restore) -> anyhow::Result<u8> {
    let request = request::Request {
        version: request::VERSION,
        snapshot: args.snapshot.id,
        until: args.snapshot.until,
        host: args.host,
        target: args.target,
        path: args.path,
        caller: Some(caller()),
    };
    let is_in_place = request.target.is_none() && !args.json;
    // What is wrong with a plan is said below.
    let plan = Plan::load(&host.plans().join(format!("{}.json", args.name)));
    if let (true, Ok(plan)) = (is_in_place, plan) {
        let mut input = (!args.yes && stdin().is_terminal()).then(|| stdin().lock());
        let input = input.as_mut().map(|input| input as &mut dyn BufRead);
        if !confirm::in_place(&plan, &request, input, &mut stderr())? {
            return Ok(outcome::exit_status(Outcome::Cancelled, false));
        }
    }
    ask(host, args.json, |client| {
        client.restore(&args.name, &request)
    })
}

/// Who asked for this: the user who called sudo, or the own one.
fn caller() -> request::Caller {
    let of_sudo = |name| std::env::var(name).ok()?.parse().ok();
    let of_sudo = || {
        Some(request::Caller {
            uid: of_sudo("SUDO_UID")?,
            gid: of_sudo("SUDO_GID")?,
        })
    };
    let is_root = rustix::process::geteuid().is_root();
    let sudo = is_root.then(of_sudo).flatten();
    sudo.unwrap_or_else(|| request::Caller {
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
    })
}

fn status(host: &Host, args: &cli::StatusArguments) -> anyhow::Result<()> {
    let now = jiff::Zoned::now();
    let format = if args.json {
        status::Format::Json
    } else {
        status::Format::Text(Terminal::of_output())
    };
    if args.uncovered {
        return print(status::coverage::run(host, format)?.as_bytes());
    }
    let text = status::run(
        host,
        args.name.as_deref(),
        format,
        &now,
        &Uptime::now(),
        &UnitStates::ask,
    )?;
    print(text.as_bytes())
}

/// Lets the units of an instance do the work, and waits for them.
fn ask<T>(
    host: &Host,
    json: bool,
    question: impl FnOnce(&mut Client<'_>) -> Result<T, Failure>,
) -> anyhow::Result<T> {
    let cancel = Cancel::on_signals()?;
    let units = Systemd::connect()?;
    Ok(question(&mut Client {
        host,
        units: &units,
        cancel: &cancel,
        out: &mut io::stdout(),
        reader: Reader::of(json),
    })?)
}

/// Writes to standard output; a closed pipe (`| head`) is no error.
fn print(text: &[u8]) -> anyhow::Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
