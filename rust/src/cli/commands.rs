//! Dispatch of the commands.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::Host;
use crate::cli::check_plan;
use crate::cli::{self, Cli, Command, InstanceArgument};
use crate::client::terminal::Terminal;
use crate::client::{Accepted, Client, Reader};
use crate::client::{logs, status};
use crate::plan::Plan;
use crate::report::journal;
use crate::run::hook;
use crate::run::invocation::Invocation;
use crate::run::recover::{self, ServiceResult};
use crate::run::restore::{self, request};
use crate::run::{backup, maintain, prepare, secrets, snapshots};
use crate::steps::journal::Operation;
use crate::systemd::Systemd;
use crate::systemd::inhibitor;
use crate::systemd::timers::UnitStates;
use crate::watch::desktop;
use crate::{bus, watch};

/// Executes a command and returns the exit status of the process.
///
/// # Errors
/// The command failed before it could report an outcome.
pub fn execute(cli: Cli) -> anyhow::Result<u8> {
    let host = Host::new(cli.root);
    match cli.command {
        Command::Run(args) => run(&host, &args),
        Command::Restore(args) => restore(&host, args),
        Command::Snapshots(args) => snapshots(&host, &args),
        Command::Maintain(args) => maintain(&host, &args),
        Command::Check(args) => ask(&host, args.json, |client| client.maintain(&args.name, true)),
        Command::Cancel(args) => ask(&host, args.json, |client| client.cancel(&args.name)),
        Command::Logs(args) => logs::run(&host, &args.name, args.follow, args.lines).map(|()| 0),
        Command::Recover(args) => recover(&host, &args),
        Command::Status(args) => status(&host, &args).map(|()| 0),
        Command::Prepare(args) => prepare::run(&Plan::load(&args.plan)?, &host).map(|()| 0),
        Command::Secrets(args) => secrets::run(&args.spec, &mut io::stderr()).map(|()| 0),
        Command::Watch(args) => watch(&host, &args),
        Command::NotifyDesktop => {
            journal::install();
            desktop::run(&host).map(|()| 0)
        }
        Command::Hook(args) => {
            match hook::run(&host.instance(&args.name), &args.name, &args.command)? {}
        }
        Command::CheckPlan(args) => check_plan::run(&args.files, args.policy()).map(|()| 0),
        Command::Bus { idle } => {
            journal::install();
            bus::run(&host, Duration::from_secs(idle)).map(|()| 0)
        }
        Command::Completions { shell } => print(&cli::completions(shell)).map(|()| 0),
        Command::Man { dir } => cli::manual_pages(&dir)
            .with_context(|| format!("cannot write manual pages into {}", dir.display()))
            .map(|()| 0),
    }
}

fn run(host: &Host, args: &cli::Run) -> anyhow::Result<u8> {
    match &args.instance {
        InstanceArgument {
            plan: Some(file), ..
        } => in_unit(host, file, |plan, invocation| {
            let _awake = inhibitor::inhibit(&format!("backup of {}", plan.instance));
            Ok(backup::run(plan, invocation).exit_status())
        }),
        InstanceArgument { name, .. } => ask(host, args.json, |client| {
            let accepted = Accepted {
                shrink: args.accept_shrink,
                new_repository: args.new_repository,
            };
            client.run(required(name.as_ref())?, accepted)
        }),
    }
}

fn restore(host: &Host, args: cli::Restore) -> anyhow::Result<u8> {
    if let Some(file) = &args.instance.plan {
        let id = args.request.context("--plan needs --request")?;
        return in_unit(host, file, |plan, invocation| {
            let request = request::Request::take(&invocation.directories, &id)?;
            let _awake = inhibitor::inhibit(&format!("restore of {}", plan.instance));
            Ok(restore::run(plan, &request, invocation).exit_status())
        });
    }
    let request = request::Request {
        version: request::VERSION,
        snapshot: args.snapshot,
        host: args.host,
        target: args.target,
        path: args.path,
    };
    ask(host, args.json, |client| {
        client.restore(required(args.instance.name.as_ref())?, &request)
    })
}

fn snapshots(host: &Host, args: &cli::Snapshots) -> anyhow::Result<u8> {
    match &args.instance.plan {
        Some(file) => in_unit(host, file, snapshots::run),
        None => ask(host, args.json, |client| {
            client.snapshots(required(args.instance.name.as_ref())?)
        }),
    }
}

fn maintain(host: &Host, args: &cli::Maintain) -> anyhow::Result<u8> {
    match &args.instance {
        InstanceArgument {
            plan: Some(file), ..
        } => in_unit(host, file, |plan, invocation| {
            let _awake = inhibitor::inhibit(&format!("maintenance of {}", plan.instance));
            Ok(maintain::run(plan, invocation).exit_status())
        }),
        InstanceArgument { name, .. } => ask(host, args.json, |client| {
            client.maintain(required(name.as_ref())?, false)
        }),
    }
}

fn recover(host: &Host, args: &cli::Recover) -> anyhow::Result<u8> {
    journal::install();
    if args.all {
        recover::all(host, &Systemd::connect()?)?;
        return Ok(0);
    }
    let name = required(args.name.as_ref())?;
    if args.maintenance {
        maintain::recover(&host.instance(name), name, &ServiceResult::current());
        return Ok(0);
    }
    let operation = if args.restore {
        Operation::Restore
    } else {
        Operation::Backup
    };
    recover::recover(
        &host.instance(name),
        name,
        operation,
        &ServiceResult::current(),
        &Systemd::connect()?,
    )?;
    Ok(0)
}

fn watch(host: &Host, args: &cli::WatchArguments) -> anyhow::Result<u8> {
    journal::install();
    let config = watch::config::Config::load(&args.config)?;
    if args.check {
        return Ok(0);
    }
    let system = watch::LiveSystem::new(&config.systemd_analyze)?;
    watch::run(host, &config, &system, &Systemd::connect()?)
}

fn status(host: &Host, args: &cli::StatusArguments) -> anyhow::Result<()> {
    let now = jiff::Zoned::now();
    let format = if args.json {
        status::Format::Json
    } else {
        status::Format::Text(Terminal::of_output())
    };
    let text = status::run(host, args.name.as_deref(), format, &now, &UnitStates::ask)?;
    print(text.as_bytes())
}

/// Executes `work` as the main process of an instance's unit.
fn in_unit(
    host: &Host,
    plan: &Path,
    work: impl FnOnce(&Plan, &Invocation<'_>) -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    journal::install();
    let plan = Plan::load(plan)?;
    let cancel = Cancel::on_signals()?;
    let units = Systemd::connect()?;
    work(
        &plan,
        &Invocation::current(host, &plan.instance, &units, &cancel)?,
    )
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
        reader: if json {
            Reader::Program
        } else {
            Reader::Person
        },
    })?)
}

/// clap requires a name where no plan is given.
fn required(name: Option<&String>) -> anyhow::Result<&str> {
    name.map(String::as_str)
        .context("no instance name given: add one, such as `nextcloud`")
}

/// Writes to standard output; a closed pipe (`| head`) is no error.
fn print(text: &[u8]) -> anyhow::Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
