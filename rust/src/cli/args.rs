//! What commands are given, and what of it is refused.

use std::path::{Component, Path, PathBuf};

use clap::Args;

use crate::plan::{Finding, StorePolicy, check_instance_name};

/// One instance, by name or by plan.
#[derive(Debug, Args)]
pub struct InstanceArgument {
    /// Name below `backupservice.instances`
    #[arg(required_unless_present = "plan", value_parser = instance_name)]
    pub name: Option<String>,
    /// The plan, inside of the unit
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "name")]
    pub plan: Option<PathBuf>,
}

/// One instance, for people alone.
#[derive(Debug, Args)]
pub struct Named {
    /// Name below `backupservice.instances`
    #[arg(value_parser = instance_name)]
    pub name: String,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Name below `backupservice.instances`
    #[arg(value_parser = instance_name)]
    pub name: String,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub lines: Option<u32>,
}

/// Arguments of `maintain`.
#[derive(Debug, Args)]
pub struct Maintain {
    /// Whose repository.
    #[command(flatten)]
    pub instance: InstanceArgument,
    /// Print the record as JSON
    #[arg(long, conflicts_with = "plan")]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What to back up.
    #[command(flatten)]
    pub instance: InstanceArgument,
    /// Start now, whatever the schedule says: as it does without, too
    #[arg(long, conflicts_with = "plan")]
    pub now: bool,
    /// Print the record as JSON
    #[arg(long, conflicts_with = "plan")]
    pub json: bool,
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
pub struct PlanArgument {
    /// The plan of the instance
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
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
    pub instance: InstanceArgument,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// What to restore.
    #[command(flatten)]
    pub instance: InstanceArgument,
    /// Which snapshot: its id, or `latest` for the last complete one
    #[arg(long, value_name = "ID", default_value = "latest", value_parser = snapshot_id)]
    pub snapshot: String,
    /// Put the files below this directory, instead of where they came from
    #[arg(long, value_name = "DIR", value_parser = absolute)]
    pub target: Option<PathBuf>,
    /// Only this path, as it was called when it was saved
    #[arg(long, value_name = "PATH", value_parser = saved_path)]
    pub path: Option<PathBuf>,
    /// Print the record as JSON
    #[arg(long, conflicts_with = "plan")]
    pub json: bool,
}

/// Arguments of `secrets`.
#[derive(Debug, Args)]
pub struct Secrets {
    /// The list of repositories and password files
    #[arg(long, value_name = "FILE")]
    pub spec: PathBuf,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub struct WatchArguments {
    /// Who is to be told
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only read the file, when the system is built
    #[arg(long)]
    pub check: bool,
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
