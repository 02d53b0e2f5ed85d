//! Arguments of the commands, and their validation.

use std::path::{Component, Path, PathBuf};

use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::complete;
use crate::plan::{Finding, StorePolicy, check_host_name, check_instance_name};
use crate::run::browse::wire::Wanted;

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

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Read all stored data, instead of `maintenance.readData` percent
    #[arg(long)]
    pub read_all: bool,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
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
    /// Show instead which data of this machine no instance saves, or saves only in part
    #[arg(long, conflicts_with = "name")]
    pub uncovered: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Snapshot to restore: its id, `latest` for the last complete one, or a day or time in
    /// this machine's time zone for the last complete one until then
    #[arg(long, value_name = "ID|DATE", default_value = "latest", value_parser = wanted_snapshot,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub snapshot: Wanted,
    /// Restore a snapshot of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
    /// Write the restored files below this directory instead of in place; what is made for
    /// that belongs to the caller
    #[arg(long, value_name = "DIR", value_parser = absolute, value_hint = ValueHint::DirPath)]
    pub target: Option<PathBuf>,
    /// Restore only this path, as recorded in the snapshot; in place unless there is a --target
    #[arg(long, value_name = "PATH", value_parser = saved_path, value_hint = ValueHint::AnyPath)]
    pub path: Option<PathBuf>,
    /// Do not ask before data is replaced
    #[arg(long)]
    pub yes: bool,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `notify-test`.
#[derive(Debug, Args)]
pub struct NotifyTest {
    /// Channel to test, such as `phone` or `apprise:phone`; all if not given
    #[arg(value_parser = channel_name)]
    pub channel: Option<String>,
    /// Print the result as JSON
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

/// Accepts only names that need no escaping in the name of a unit.
fn channel_name(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":_.-".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        Ok(name.to_owned())
    } else {
        Err("not a channel; `backupservice notify-test` tests all of them".to_owned())
    }
}

pub(super) fn host_name(name: &str) -> Result<String, String> {
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

pub(super) fn wanted_snapshot(text: &str) -> Result<Wanted, String> {
    let wanted = |id: &str, until| Wanted {
        id: id.to_owned(),
        until,
    };
    if let Some(until) = end_of(text, &TimeZone::system()) {
        return Ok(wanted("latest", Some(until)));
    }
    // Only ids that are safe in a unit name and on the provider's command line.
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(wanted(text, None));
    }
    Err(
        "neither a snapshot id, which `backupservice snapshots NAME` lists, nor a date, such as \
         2026-11-01 or 2026-11-01T18:30"
            .to_owned(),
    )
}

/// The last moment of a day, or of a minute or second.
fn end_of(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // jiff takes a day for its first moment, and 20261101 for a day: it may be an id.
    if !text.contains('-') {
        return None;
    }
    let time = text.parse::<DateTime>().ok()?;
    let parts = text.matches([':', 'T', 't', ' ']).count();
    let end = match parts {
        0 => time.date().tomorrow().ok()?.to_datetime(Time::midnight()),
        2 => time.checked_add(1.minute()).ok()?,
        _ => time.checked_add(1.second()).ok()?,
    };
    let end = zone.to_ambiguous_timestamp(end).compatible().ok()?;
    end.checked_sub(1.nanosecond()).ok()
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}

fn saved_path(path: &str) -> Result<PathBuf, String> {
    checked_path(Path::new(path))
}

pub(super) fn checked_path(path: &Path) -> Result<PathBuf, String> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(
            "must be absolute and without `..`, such as /var/lib/nextcloud/config".to_owned(),
        );
    }
    Ok(path.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_until_its_end_where_the_machine_is() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (text, end) in [
            ("2026-11-01", Some("2026-11-01T22:59:59.999999999Z")),
            // 25 hours long.
            ("2026-10-25", Some("2026-10-25T22:59:59.999999999Z")),
            ("2026-11-01T18:30", Some("2026-11-01T17:30:59.999999999Z")),
            ("2026-11-01 18:30", Some("2026-11-01T17:30:59.999999999Z")),
            (
                "2026-11-01T18:30:05",
                Some("2026-11-01T17:30:05.999999999Z"),
            ),
            ("2026-11-01T18:30:00Z", Some("2026-11-01T18:30:00Z")),
            ("20261101", None),
            ("2026-13-01", None),
            ("latest", None),
            ("f00d", None),
        ] {
            let end: Option<Timestamp> = end.map(|end| end.parse().unwrap());
            assert_eq!(end_of(text, &berlin), end, "{text}");
        }
    }
}
