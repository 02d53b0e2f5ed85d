//! Arguments of the commands, and their validation.

use std::path::{Component, Path, PathBuf};

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::complete;
use crate::plan::{Finding, StorePolicy, check_host_name, check_instance_name};

/// Arguments of commands about one instance that need nothing else.
#[derive(Debug, Args)]
pub struct Named {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Follow new messages
    #[arg(short, long)]
    pub follow: bool,
    /// Show only the last COUNT lines
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub lines: Option<u32>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each a switch of its own
pub struct Run {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Start now, regardless of the schedule (always the case)
    #[arg(long)]
    pub now: bool,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
    /// Accept the current data size as the new baseline
    #[arg(long)]
    pub accept_shrink: bool,
    /// Accept the repository as it is, or create it, although it is not the one that holds
    /// the last snapshot
    #[arg(long)]
    pub new_repository: bool,
}

/// Arguments of `status`.
#[derive(Debug, Default, Args)]
pub struct StatusArguments {
    /// Show the last runs of this instance
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: Option<String>,
    /// Print a JSON array with one object per instance
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Snapshot to restore: its id, or `latest` for the last complete one
    #[arg(long, value_name = "ID", default_value = "latest", value_parser = snapshot_id,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub snapshot: String,
    /// Restore a snapshot of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
    /// Write the restored files below this directory instead of in place
    #[arg(long, value_name = "DIR", value_parser = absolute, value_hint = ValueHint::DirPath)]
    pub target: Option<PathBuf>,
    /// Restore only this path, as recorded in the snapshot
    #[arg(long, value_name = "PATH", value_parser = saved_path, value_hint = ValueHint::AnyPath)]
    pub path: Option<PathBuf>,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `check-plan`.
#[derive(Debug, Args)]
pub struct CheckPlan {
    /// Plans to check
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Accept tools outside the Nix store, for machines without Nix
    #[arg(long)]
    pub no_nix_store: bool,
}

impl CheckPlan {
    /// Store policy selected by `--no-nix-store`.
    #[must_use]
    pub fn policy(&self) -> StorePolicy {
        if self.no_nix_store {
            StorePolicy::Relaxed
        } else {
            StorePolicy::Required
        }
    }
}

/// Accepts what can be part of a unit name.
pub(super) fn instance_name(name: &str) -> Result<String, String> {
    checked(name, check_instance_name)
}

fn host_name(name: &str) -> Result<String, String> {
    checked(name, check_host_name)
}

fn checked(name: &str, check: fn(&str) -> Result<(), Finding>) -> Result<String, String> {
    match check(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(Finding {
            problem, remedy, ..
        }) => Err(format!("{problem}. {remedy}")),
    }
}

/// Accepts only ids that are safe in a unit name and on the provider's command line.
fn snapshot_id(id: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(plain) {
        Ok(id.to_owned())
    } else {
        Err("not a snapshot id; list the ids with `backupservice snapshots NAME`".to_owned())
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}

fn saved_path(path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(
            "must be absolute and without `..`, such as /var/lib/nextcloud/config".to_owned(),
        );
    }
    Ok(path.components().collect())
}
