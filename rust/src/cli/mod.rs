//! The command line: definition and help texts.

mod args;
mod browse;
pub mod check_plan;
pub mod commands;
pub mod complete;
pub mod manual;
pub mod outcomes_page;
pub mod unit;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use args::{Check, CheckPlan, Logs, Named, NotifyTest, Restore, Run, StatusArguments};
pub use browse::{Diff, Dump, Find, Ls};
pub use unit::UnitCommand;

/// Exit status after a wrong command line (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit status after an invalid plan (`EX_CONFIG`).
pub const BAD_PLAN: u8 = 78;

/// Back up and restore services
///
/// Instances are defined by the NixOS options below `backupservice.instances`. systemd runs
/// them on schedule. This program shows their status, starts a run now, and restores data.
/// Without a command, it shows the status.
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
  backupservice find nextcloud config.php    find a file in all snapshots
  backupservice restore nextcloud            restore the last complete snapshot
  backupservice logs nextcloud               show the journal of the last runs"
)]
pub struct Cli {
    /// Directory that stands for `/`, for tests
    #[arg(long, hide = true, global = true, default_value = "/")]
    pub root: PathBuf,
    /// Command to execute; `status` if there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the last run and the current state of each instance
    #[command(after_help = "\
Examples:
  backupservice status
  backupservice status nextcloud             the last runs with their phases
  backupservice status --uncovered           what is not backed up
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
    Snapshots(Named),
    /// List files in a snapshot of one instance
    ///
    /// Prints mode, numbers of user and group, size, time of the last change, and path.
    /// Bytes that are not UTF-8 are shown as U+FFFD. Needs root, or the polkit action
    /// org.backupservice1.browse.
    #[command(after_help = "\
Examples:
  backupservice ls nextcloud                                the directories that were backed up
  backupservice ls nextcloud latest /var/lib/nextcloud      one level of the last snapshot
  backupservice ls nextcloud 2026-11-17 /var/lib/nextcloud/config --recursive
  backupservice ls nextcloud 1a2b3c4d /var/lib/nextcloud -r --json | jq -r 'select(.size > 1e9) | .path'")]
    Ls(Ls),
    /// Find files by name in the snapshots of one instance
    ///
    /// Lists them as `ls` does, the newest snapshot first, as they are found: interrupt it when
    /// you have seen enough. Needs root, or the polkit action org.backupservice1.browse. Exit
    /// status: 0 found, 1 not found or failed, 75 transient failure (try again later).
    #[command(after_help = "\
Examples:
  backupservice find nextcloud config.php                   in all snapshots
  backupservice find nextcloud '*.php' --snapshot 2026-11-17
  backupservice find nextcloud '/var/lib/nextcloud/config/**/*.php'
  backupservice find nextcloud config.php --json | jq -r '[.snapshot, .modified, .size] | @tsv'")]
    Find(Find),
    /// Print a file in a snapshot of one instance to standard output
    ///
    /// Needs root, or the polkit action org.backupservice1.browse.
    #[command(after_help = "\
Examples:
  backupservice dump nextcloud latest /var/lib/nextcloud/config/config.php
  backupservice dump nextcloud 2026-11-17 /var/lib/nextcloud/data/photo.jpg > photo.jpg")]
    Dump(Dump),
    /// Show what differs between two snapshots of one instance
    ///
    /// Marks what was added with `+`, removed with `-`, changed in content with `M` and in type
    /// with `T`. A change of owner, permissions or times alone is not shown. Needs root, or the
    /// polkit action org.backupservice1.browse.
    #[command(after_help = "\
Examples:
  backupservice diff nextcloud 2026-11-16 latest
  backupservice diff nextcloud 1a2b3c4d 5e6f7a8b --json | jq -r 'select(.change == \"removed\") | .path'")]
    Diff(Diff),
    /// Restore the data of one instance from a snapshot
    ///
    /// Without --target, restores in place: stops the units that use the data, keeps the
    /// current data beside the restored one, loads the database dumps, and starts the units
    /// again. With --target, only writes the files below that directory. On a terminal, says
    /// what it replaces, and asks.
    #[command(after_help = "\
Examples:
  backupservice restore nextcloud                        the last complete snapshot
  backupservice restore nextcloud --snapshot 1a2b3c4d    an earlier snapshot
  backupservice restore nextcloud --snapshot 2026-11-01  the last complete one of that day, or before
  backupservice restore nextcloud --target /tmp/old      into a directory, for inspection
  backupservice restore nextcloud --target /tmp/old --path /var/lib/nextcloud/config
  backupservice restore nextcloud --path /var/lib/nextcloud/config    in place, only that")]
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
    Maintain(Named),
    /// Check the repository of one instance now
    ///
    /// Runs only the check of a maintenance: reads `maintenance.readData` percent of the
    /// stored data, or all of it, and checks that the rest is present. Forgets no snapshots.
    /// Damage that was found once counts until a check of all data finds none. Exit status:
    /// 0 sound, 1 damaged or not checked, 75 transient failure (try again later),
    /// 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice check nextcloud
  backupservice check nextcloud --read-all   after a repair, or for peace of mind
  backupservice check nextcloud --json | jq .check")]
    Check(Check),
    /// Stop the running backup, maintenance or restore of one instance
    ///
    /// Waits until the units stopped for the run have been started again. A backup that waits
    /// for its next attempt is recorded as cancelled.
    #[command(after_help = "\
Example:
  backupservice cancel nextcloud")]
    Cancel(Named),
    /// Send a test message through every notification channel
    ///
    /// Says which addresses took it; whether it arrived, look there. A ping gets a failure,
    /// and its real state afterwards. Exit status: 0 all took it, 1 at least one did not.
    #[command(after_help = "\
Examples:
  backupservice notify-test
  backupservice notify-test phone            only the channel of this name")]
    NotifyTest(NotifyTest),
    /// Show the journal messages of one instance
    #[command(after_help = "\
Examples:
  backupservice logs nextcloud
  backupservice logs nextcloud --follow")]
    Logs(Logs),
    /// Check plans (called when the system is built)
    ///
    /// Prints one line per problem. Exit status: 0 valid, 78 at least one problem.
    #[command(after_help = "\
Example:
  backupservice check-plan --no-nix-store /etc/backupservice/plans/*.json")]
    CheckPlan(CheckPlan),
    /// Print the completion script for a shell
    #[command(after_help = "\
Example:
  backupservice completions fish > ~/.config/fish/completions/backupservice.fish")]
    Completions {
        /// Shell to complete in
        shell: Shell,
    },
    /// Write the manual pages of all commands to a directory
    #[command(hide = true)]
    Man {
        /// Directory; created if missing
        dir: PathBuf,
    },
    /// Commands of units; they only work there
    #[command(subcommand, hide = true)]
    Unit(UnitCommand),
}

/// Shells whose completion scripts can be printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Elvish.
    Elvish,
    /// fish.
    Fish,
    /// Z shell.
    Zsh,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Zsh => "zsh",
        }
    }
}

#[cfg(test)]
mod tests;
