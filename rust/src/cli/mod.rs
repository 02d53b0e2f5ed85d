//! The command line: definition and help texts.
//!
//! Users give the name of an instance. Units give `--plan FILE`, which is hidden from the
//! help since it only works inside the unit's sandbox.

mod args;
pub mod check_plan;
pub mod commands;
pub mod outcomes_page;

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub use args::{
    CheckPlan, HookArguments, InstanceArgument, Logs, Maintain, Named, PlanArgument, Recover,
    Restore, Run, Secrets, Snapshots, StatusArguments, WatchArguments,
};

/// Exit status after a wrong command line (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit status after an invalid plan (`EX_CONFIG`).
pub const BAD_PLAN: u8 = 78;

/// Back up and restore services
///
/// Instances are defined by the NixOS options below `backupservice.instances`. systemd runs
/// them on schedule. This program shows their status, starts a run now, and restores data.
#[derive(Debug, Parser)]
#[command(
    name = "backupservice",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  backupservice status                       show the last run of every instance
  backupservice run nextcloud                back up now
  backupservice cancel nextcloud             stop the running backup
  backupservice snapshots nextcloud          list what can be restored
  backupservice restore nextcloud            restore the last complete snapshot
  backupservice logs nextcloud               show the journal of the last runs"
)]
pub struct Cli {
    /// Directory that stands for `/`, for tests
    #[arg(long, hide = true, global = true, default_value = "/")]
    pub root: PathBuf,
    /// Command to execute.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the last run and the current state of each instance
    #[command(after_help = "\
Examples:
  backupservice status
  backupservice status nextcloud             the last runs with their phases
  backupservice status --json | jq '.[] | select(.state == \"running\")'")]
    Status(StatusArguments),
    /// Back up one instance now and wait for the result
    ///
    /// Starts backupservice-NAME.service, as its timer does. Exit status: 0 success or
    /// skipped, 1 failed, 3 incomplete (some data is not in the snapshot), 75 transient
    /// failure (try again later), 78 invalid plan, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice run nextcloud
  backupservice run nextcloud --json | jq .outcome
  backupservice run nextcloud --accept-shrink    after deleting much data on purpose
  systemctl start --no-block backupservice-nextcloud    the same without waiting")]
    Run(Run),
    /// List the snapshots of one instance
    #[command(after_help = "\
Examples:
  backupservice snapshots nextcloud
  backupservice snapshots nextcloud --json | jq -r '.[-1].id'")]
    Snapshots(Snapshots),
    /// Restore the data of one instance from a snapshot
    ///
    /// Without --target, restores in place: stops the units that use the data, keeps the
    /// current data beside the restored one, loads the database dumps, and starts the units
    /// again. With --target, only writes the files below that directory.
    #[command(after_help = "\
Examples:
  backupservice restore nextcloud                        the last complete snapshot
  backupservice restore nextcloud --snapshot 1a2b3c4d    an earlier snapshot
  backupservice restore nextcloud --target /tmp/old      into a directory, for inspection
  backupservice restore nextcloud --target /tmp/old --path /var/lib/nextcloud/config")]
    Restore(Restore),
    /// Forget old snapshots of one instance, free their space, and check the repository
    ///
    /// Starts backupservice-NAME-maintain.service, as its timer does, and waits for the
    /// result. Exit status: 0 success, 1 failed, 75 transient failure (try again later),
    /// 78 invalid plan, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice maintain nextcloud
  backupservice status nextcloud             the result of the last maintenance")]
    Maintain(Maintain),
    /// Check the repository of one instance now
    ///
    /// Runs only the check of a maintenance: reads `maintenance.readData` percent of the
    /// stored data and checks that the rest is present. Forgets no snapshots. Exit status:
    /// 0 sound, 1 damaged or not checked, 75 transient failure (try again later),
    /// 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice check nextcloud
  backupservice check nextcloud --json | jq .check")]
    Check(Named),
    /// Stop the running backup or maintenance of one instance
    ///
    /// Waits until the units stopped for the run have been started again.
    #[command(after_help = "\
Example:
  backupservice cancel nextcloud")]
    Cancel(Named),
    /// Show the journal messages of one instance
    #[command(after_help = "\
Examples:
  backupservice logs nextcloud
  backupservice logs nextcloud --follow")]
    Logs(Logs),
    /// Clean up after an interrupted run (called by units)
    ///
    /// Starts the units that the run had stopped and runs its afterBackup hooks. Does nothing
    /// after a run that ended normally. backupservice-recover.service does this for all
    /// instances at boot.
    #[command(after_help = "\
Example:
  systemctl start backupservice-recover    clean up for all instances, as the right user")]
    Recover(Recover),
    /// Create the directory of a local repository (called by units)
    Prepare(PlanArgument),
    /// Generate missing repository passwords (called by a unit)
    ///
    /// The file is a JSON list of {"repository": PATH, "passwordFile": FILE}. Never replaces a
    /// password, and generates none for a repository that already exists.
    Secrets(Secrets),
    /// Find failed and overdue backups and send notifications (called by a unit)
    #[command(hide = true)]
    Watch(WatchArguments),
    /// Show new events as desktop notifications (called by a user unit)
    #[command(hide = true)]
    NotifyDesktop,
    /// Run the command of a hook with the facts of its run (called by a unit)
    #[command(hide = true)]
    Hook(HookArguments),
    /// Check plans (called when the system is built)
    ///
    /// Prints one line per problem. Exit status: 0 valid, 78 at least one problem.
    #[command(after_help = "\
Example:
  backupservice check-plan --no-nix-store /etc/backupservice/plans/*.json")]
    CheckPlan(CheckPlan),
    /// Provide the instances on D-Bus (called by a unit)
    #[command(hide = true)]
    Bus {
        /// Exit after this many seconds without a call or a run
        #[arg(long, value_name = "SECONDS", default_value_t = crate::bus::IDLE.as_secs())]
        idle: u64,
    },
    /// Print the completion script for a shell
    #[command(after_help = "\
Example:
  backupservice completions fish > ~/.config/fish/completions/backupservice.fish")]
    Completions {
        /// Shell to complete in
        shell: Shell,
    },
    /// Write the manual pages of all commands to a directory
    Man {
        /// Directory; created if missing
        dir: PathBuf,
    },
}

/// Generates the completion script for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "backupservice", &mut script);
    script
}

/// Writes a manual page for the program and one for each command.
///
/// # Errors
/// The directory cannot be created or written.
pub fn manual_pages(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}

#[cfg(test)]
mod tests;
