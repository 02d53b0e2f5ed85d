//! The command line: what can be asked, in words that teach.
//!
//! People give the name of an instance. Units give `--plan FILE`, which is hidden from
//! help since it is only right inside of the unit's sandbox.

mod args;
pub mod check_plan;
pub mod commands;
pub mod outcomes_page;

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub use args::{
    CheckPlan, InstanceArgument, Logs, Maintain, Named, PlanArgument, Recover, Restore, Run,
    Secrets, Snapshots, StatusArguments, WatchArguments,
};

/// Exit status after a wrong command line (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit status after a bad plan (`EX_CONFIG`).
pub const BAD_PLAN: u8 = 78;

/// Backs up services and brings them back
///
/// Instances are defined in NixOS options below `backupservice.instances`. systemd runs
/// them on their schedule; this program shows what they did, starts one now, and restores.
#[derive(Debug, Parser)]
#[command(
    name = "backupservice",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  backupservice status                       what every instance did last
  backupservice run nextcloud                back up now
  backupservice cancel nextcloud             stop that
  backupservice snapshots nextcloud          what there is to restore
  backupservice restore nextcloud            bring the last snapshot back
  backupservice logs nextcloud               what the last runs said"
)]
pub struct Cli {
    /// Directory that stands for `/`, for tests
    #[arg(long, hide = true, global = true, default_value = "/")]
    pub root: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what instances did last and are doing now
    #[command(after_help = "\
Examples:
  backupservice status
  backupservice status nextcloud             its last runs with their phases
  backupservice status --json | jq '.[] | select(.state == \"running\")'")]
    Status(StatusArguments),
    /// Back up one instance now and wait for the end
    ///
    /// Starts backupservice-NAME.service, as its timer does. Exit status: 0 success or
    /// nothing to do, 3 some of the data is not in the snapshot, 1 failed, 75 try again
    /// later, 78 bad plan, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice run nextcloud
  backupservice run nextcloud --json | jq .outcome
  backupservice run nextcloud --accept-shrink    after a big clean-up
  systemctl start --no-block backupservice-nextcloud    the same without waiting")]
    Run(Run),
    /// List the snapshots of one instance
    #[command(after_help = "\
Examples:
  backupservice snapshots nextcloud
  backupservice snapshots nextcloud --json | jq -r '.[-1].id'")]
    Snapshots(Snapshots),
    /// Bring the data of one instance back from a snapshot
    ///
    /// Without --target, it goes where it came from: units that use the data are
    /// stopped, what is there now is kept beside it, databases are loaded, and the units are
    /// started again. With --target, files are only put there.
    #[command(after_help = "\
Examples:
  backupservice restore nextcloud                        the last complete snapshot
  backupservice restore nextcloud --snapshot 1a2b3c4d    an older one
  backupservice restore nextcloud --target /tmp/look     beside the data, to look at
  backupservice restore nextcloud --target /tmp/look --path /var/lib/nextcloud/config")]
    Restore(Restore),
    /// Forget old snapshots of one instance, free their space, and check the repository
    ///
    /// Starts backupservice-NAME-maintain.service, as its timer does, and waits for the
    /// end. Exit status: 0 success, 1 failed, 75 try again later, 78 bad plan, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice maintain nextcloud
  backupservice status nextcloud             what the last maintenance found")]
    Maintain(Maintain),
    /// Check the repository of one instance now
    ///
    /// Does what a maintenance does at its end: reads as much of what is stored as
    /// `maintenance.readData` says. Nothing is forgotten. Exit status: 0 sound, 1 damaged or
    /// not checked, 75 try again later, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice check nextcloud
  backupservice check nextcloud --json | jq .check")]
    Check(Named),
    /// Stop the backup or maintenance of one instance that is under way
    ///
    /// Waits until what was stopped for it has been started again.
    #[command(after_help = "\
Example:
  backupservice cancel nextcloud")]
    Cancel(Named),
    /// Show what the units of one instance have written to the journal
    #[command(after_help = "\
Examples:
  backupservice logs nextcloud
  backupservice logs nextcloud --follow")]
    Logs(Logs),
    /// Finish what an interrupted run left open (called by units)
    ///
    /// Starts the units that it had stopped and runs its afterBackup hooks. Does nothing
    /// after a run that ended by itself. backupservice-recover.service does so for all
    /// instances when the machine has come up.
    #[command(after_help = "\
Example:
  systemctl start backupservice-recover    the same for all, with the right identity")]
    Recover(Recover),
    /// Make the directory of a local repository (called by units)
    Prepare(PlanArgument),
    /// Generate the passwords of repositories that have none (called by a unit)
    ///
    /// The file is a JSON list of {"repository": PATH, "passwordFile": FILE}. No password is ever
    /// replaced, and none is made for a repository that exists already.
    Secrets(Secrets),
    /// See what failed or is overdue, and tell those who want to know (called by a unit)
    #[command(hide = true)]
    Watch(WatchArguments),
    /// Show on this desktop what was not shown yet (called by a unit of the user)
    #[command(hide = true)]
    NotifyDesktop,
    /// Check plans (called when the system is built)
    ///
    /// Prints one line for everything that is wrong and exits with status 78.
    #[command(after_help = "\
Example:
  backupservice check-plan --no-nix-store /etc/backupservice/plans/*.json")]
    CheckPlan(CheckPlan),
    /// Show the instances on D-Bus (called by a unit)
    #[command(hide = true)]
    Bus {
        /// End after so many seconds without a call or a run
        #[arg(long, value_name = "SECONDS", default_value_t = crate::bus::IDLE.as_secs())]
        idle: u64,
    },
    /// Print the completions of a shell
    #[command(after_help = "\
Example:
  backupservice completions fish > ~/.config/fish/completions/backupservice.fish")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write manual pages of all commands into a directory
    Man {
        /// Directory, created if it is missing
        dir: PathBuf,
    },
}

/// The completions of a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "backupservice", &mut script);
    script
}

/// Writes a manual page for the program and one for each command.
///
/// # Errors
/// The directory cannot be written.
pub fn manual_pages(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}

#[cfg(test)]
mod tests;
