//! What units call, hidden from people: it only works inside of the unit's sandbox.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::instance_name;
use crate::base::cancel::Cancel;
use crate::base::paths::Host;
use crate::bus;
use crate::plan::Plan;
use crate::report::journal;
use crate::run::hook;
use crate::run::invocation::Invocation;
use crate::run::recover::{self, ServiceResult};
use crate::run::restore::{self, request};
use crate::run::{backup, browse, exists, maintain, prepare, secrets, snapshots};
use crate::steps::journal::Operation;
use crate::systemd::Systemd;
use crate::watch::{self, desktop};

/// The commands of units.
#[derive(Debug, Subcommand)]
pub enum UnitCommand {
    /// Back up the instance
    Run(OfPlan),
    /// Restore the instance, as a request says
    Restore(Restore),
    /// Maintain the repository of the instance
    Maintain(OfPlan),
    /// List the snapshots of the instance
    Snapshots(OfPlan),
    /// Read snapshots for whoever is at the other end of the connection on standard input
    Browse(OfPlan),
    /// Create the directory of a local repository
    Prepare(OfPlan),
    /// Ask whether a repository on the network exists
    Exists(OfPlan),
    /// Clean up after an interrupted run
    Recover(Recover),
    /// Generate missing repository passwords
    ///
    /// Never replaces a password, and generates none for a repository that already exists.
    Secrets(Secrets),
    /// Find failed and overdue backups and send notifications
    Watch(Watch),
    /// Show new events as desktop notifications
    NotifyDesktop,
    /// Run the command of a hook with the facts of its run
    Hook(Hook),
    /// Provide the instances on D-Bus
    Bus {
        /// Exit after this many seconds without a call or a run
        #[arg(long, value_name = "SECONDS", default_value_t = bus::IDLE.as_secs())]
        idle: u64,
    },
}

/// An instance, given by its plan.
#[derive(Debug, Args)]
pub struct OfPlan {
    /// Plan of the instance
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
}

/// Arguments of `unit restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Plan of the instance
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The request to carry out
    #[arg(long, value_name = "ID")]
    pub request: String,
}

/// Arguments of `unit recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// Name of the instance
    #[arg(required_unless_present = "all", value_parser = instance_name)]
    pub name: Option<String>,
    /// Clean up for all instances, including those no longer configured
    #[arg(long, conflicts_with_all = ["name", "restore", "maintenance"])]
    pub all: bool,
    /// The interrupted run was a restore: clean up without writing a record
    #[arg(long)]
    pub restore: bool,
    /// The interrupted run was a maintenance: only write its record
    #[arg(long, conflicts_with = "restore")]
    pub maintenance: bool,
}

/// Arguments of `unit secrets`.
#[derive(Debug, Args)]
pub struct Secrets {
    /// JSON list of {"repository": PATH, "passwordFile": FILE}
    #[arg(long, value_name = "FILE")]
    pub spec: PathBuf,
}

/// Arguments of `unit watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Configuration of the notification channels
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only validate the configuration (used when the system is built)
    #[arg(long)]
    pub check: bool,
    /// Send a test message through this channel, or through `all`, instead of scanning
    #[arg(long, value_name = "CHANNEL")]
    pub test: Option<String>,
}

/// Arguments of `unit hook`.
#[derive(Debug, Args)]
pub struct Hook {
    /// Name of the instance
    #[arg(value_parser = instance_name)]
    pub name: String,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// Executes a command of a unit and returns the exit status of the process.
///
/// # Errors
/// The command failed before it could report an outcome.
pub fn execute(host: &Host, command: &UnitCommand) -> anyhow::Result<u8> {
    match command {
        UnitCommand::Run(args) => with_plan(host, &args.plan, |plan, invocation| {
            Ok(backup::run(plan, invocation).exit_status())
        }),
        UnitCommand::Restore(args) => with_plan(host, &args.plan, |plan, invocation| {
            let request = request::Request::take(&invocation.directories, &args.request)?;
            Ok(restore::run(plan, &request, invocation).exit_status())
        }),
        UnitCommand::Maintain(args) => with_plan(host, &args.plan, |plan, invocation| {
            Ok(maintain::run(plan, invocation).exit_status())
        }),
        UnitCommand::Snapshots(args) => with_plan(host, &args.plan, snapshots::run),
        UnitCommand::Browse(args) => with_plan(host, &args.plan, |plan, invocation| {
            let connection = io::stdin().as_fd().try_clone_to_owned()?;
            browse::run(plan, invocation, &connection.into(), browse::STALLED)?;
            Ok(0)
        }),
        UnitCommand::Exists(args) => with_plan(host, &args.plan, exists::run),
        UnitCommand::Prepare(args) => prepare::run(&Plan::load(&args.plan)?, host).map(|()| 0),
        UnitCommand::Recover(args) => recover(host, args),
        UnitCommand::Secrets(args) => secrets::run(&args.spec, &mut io::stderr()).map(|()| 0),
        UnitCommand::Watch(args) => watch(host, args),
        UnitCommand::NotifyDesktop => {
            journal::install();
            desktop::run(host).map(|()| 0)
        }
        UnitCommand::Hook(args) => {
            match hook::run(&host.instance(&args.name), &args.name, &args.command)? {}
        }
        UnitCommand::Bus { idle } => {
            journal::install();
            bus::run(host, Duration::from_secs(*idle)).map(|()| 0)
        }
    }
}

/// Executes `work` as the main process of an instance's unit.
fn with_plan(
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

fn recover(host: &Host, args: &Recover) -> anyhow::Result<u8> {
    journal::install();
    let Some(name) = &args.name else {
        recover::all(host, &Systemd::connect()?)?;
        return Ok(0);
    };
    let result = ServiceResult::current();
    if args.maintenance {
        maintain::recover(&host.instance(name), name, &result);
        return Ok(0);
    }
    let operation = if args.restore {
        Operation::Restore
    } else {
        Operation::Backup
    };
    let units = Systemd::connect()?;
    recover::recover(&host.instance(name), name, operation, &result, &units)?;
    Ok(0)
}

fn watch(host: &Host, args: &Watch) -> anyhow::Result<u8> {
    journal::install();
    let config = watch::config::Config::load(&args.config)?;
    if args.check {
        return Ok(0);
    }
    let system = watch::LiveSystem::new(&config.systemd_analyze)?;
    if let Some(channel) = &args.test {
        let channel = Some(channel.as_str()).filter(|channel| *channel != "all");
        let units = Systemd::connect()?;
        let report = watch::notify_test::run(host, &config, &system, &units, channel)?;
        for one in report.addresses {
            match one.error {
                None => log::info!("the test message was sent via {}", one.address),
                Some(problem) => log::error!("cannot send via {}: {problem}", one.address),
            }
        }
        return Ok(0);
    }
    Ok(watch::run(host, &config, &system, &Systemd::connect()?))
}
