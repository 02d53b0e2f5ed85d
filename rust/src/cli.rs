//! The command line: what can be asked, in words that teach.
//!
//! People give the name of an instance. Units give `--plan FILE`, which is hidden from
//! help since it is only right inside of the unit's sandbox.

use std::path::{Component, Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::plan::{Finding, StorePolicy, check_instance_name};

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
  backupservice snapshots nextcloud          what there is to restore
  backupservice restore nextcloud            bring the last snapshot back
  journalctl -u backupservice-nextcloud      what the last runs said"
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
    Status(Status),
    /// Back up one instance now and wait for the end
    ///
    /// Starts backupservice-NAME.service, as its timer does. Exit status: 0 success or
    /// nothing to do, 3 some of the data is not in the snapshot, 1 failed, 75 try again
    /// later, 78 bad plan, 130 cancelled.
    #[command(after_help = "\
Examples:
  backupservice run nextcloud
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
    Maintain(Instance),
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
    Prepare(Plan),
    /// Generate the passwords of repositories that have none (called by a unit)
    ///
    /// The file is a JSON list of {"repository": PATH, "passwordFile": FILE}. No password is ever
    /// replaced, and none is made for a repository that exists already.
    Secrets(Secrets),
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

/// One instance, by name or by plan.
#[derive(Debug, Args)]
pub struct Instance {
    /// Name below `backupservice.instances`
    #[arg(required_unless_present = "plan", value_parser = instance_name)]
    pub name: Option<String>,
    /// The plan, inside of the unit
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "name")]
    pub plan: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What to back up.
    #[command(flatten)]
    pub instance: Instance,
    /// Take the size that the data has now for right, however much it shrank
    #[arg(long, conflicts_with = "plan")]
    pub accept_shrink: bool,
}

/// Arguments of `recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// Name below `backupservice.instances`
    #[arg(required_unless_present = "all", value_parser = instance_name)]
    pub name: Option<String>,
    /// Whatever any instance has left, also one that is not configured any more
    #[arg(long, conflicts_with_all = ["name", "restore", "maintenance"])]
    pub all: bool,
    /// What was interrupted was a restore, of which there is no record to write
    #[arg(long)]
    pub restore: bool,
    /// What was interrupted was a maintenance, of which only the record is to be written
    #[arg(long, conflicts_with = "restore")]
    pub maintenance: bool,
}

/// Arguments of `prepare`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The plan of the instance
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Show the last runs of this instance
    #[arg(value_parser = instance_name)]
    pub name: Option<String>,
    /// Print a JSON array with an object for each instance
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `snapshots`.
#[derive(Debug, Args)]
pub struct Snapshots {
    /// Whose snapshots.
    #[command(flatten)]
    pub instance: Instance,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// What to restore.
    #[command(flatten)]
    pub instance: Instance,
    /// Which snapshot: its id, or `latest` for the last complete one
    #[arg(long, value_name = "ID", default_value = "latest", value_parser = snapshot_id)]
    pub snapshot: String,
    /// Put the files below this directory, instead of where they came from
    #[arg(long, value_name = "DIR", value_parser = absolute)]
    pub target: Option<PathBuf>,
    /// Only this path, as it was called when it was saved
    #[arg(long, value_name = "PATH", value_parser = saved_path)]
    pub path: Option<PathBuf>,
}

/// Arguments of `secrets`.
#[derive(Debug, Args)]
pub struct Secrets {
    /// The list of repositories and password files
    #[arg(long, value_name = "FILE")]
    pub spec: PathBuf,
}

/// Arguments of `check-plan`.
#[derive(Debug, Args)]
pub struct CheckPlan {
    /// The plans
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Let tools be outside of the Nix store, where there is none
    #[arg(long)]
    pub no_nix_store: bool,
}

impl CheckPlan {
    /// What the switch says.
    #[must_use]
    pub fn policy(&self) -> StorePolicy {
        if self.no_nix_store {
            StorePolicy::Relaxed
        } else {
            StorePolicy::Required
        }
    }
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

fn instance_name(name: &str) -> Result<String, String> {
    match check_instance_name(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(Finding {
            problem, remedy, ..
        }) => Err(format!("{problem}. {remedy}")),
    }
}

/// It becomes part of a unit's name and of the provider's command line.
fn snapshot_id(id: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(plain) {
        Ok(id.to_owned())
    } else {
        Err("not a snapshot's id; `backupservice snapshots NAME` lists them".to_owned())
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}

fn saved_path(path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(
            "not an absolute path without `..`, such as /var/lib/nextcloud/config".to_owned(),
        );
    }
    Ok(path.components().collect())
}

#[cfg(test)]
mod tests;
