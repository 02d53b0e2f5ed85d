//! Reading and writing of records and state files.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::maintenance::MaintenanceRecord;
use super::record::{Record, RunState, Totals};
use crate::base::outcome::Outcome;
use crate::base::paths::{InstancePaths, remove_if_there, write_atomically};
use crate::base::untrusted;

/// Number of records kept in the history.
const HISTORY: usize = 100;
/// More than any of these files needs, in bytes.
const LIMIT: u64 = 16 << 20;

/// The record of the last finished run, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn last_run(directories: &InstancePaths) -> Result<Option<Record>> {
    read(&directories.last_run())
}

/// Whether any run in the history created a snapshot.
///
/// # Errors
/// The history cannot be read or parsed.
pub fn has_snapshots(directories: &InstancePaths) -> Result<bool> {
    Ok(runs(directories)?.any(|record| record.snapshot.is_some()))
}

/// Files and bytes of the last complete snapshot in the history.
///
/// # Errors
/// The history cannot be read or parsed.
pub fn last_complete_totals(directories: &InstancePaths) -> Result<Option<Totals>> {
    let complete = runs(directories)?.filter(|record| record.outcome == Outcome::Success);
    Ok(complete.filter_map(|record| record.totals).last())
}

/// The runs in the history, oldest first.
///
/// # Errors
/// The history or the last record cannot be read or parsed.
pub fn history(directories: &InstancePaths) -> Result<Vec<Record>> {
    let mut history: Vec<Record> = read(&directories.history())?.unwrap_or_default();
    // The last record is written after the history, and alone if writing the history failed.
    let last = last_run(directories)?;
    history.extend(last.filter(|last| {
        history
            .last()
            .is_none_or(|run| run.finished < last.finished)
    }));
    Ok(history)
}

fn runs(directories: &InstancePaths) -> Result<impl Iterator<Item = Record>> {
    let history: Option<Vec<Record>> = read(&directories.history())?;
    Ok(history.into_iter().flatten().chain(last_run(directories)?))
}

/// The state of the run in progress, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn running(directories: &InstancePaths) -> Result<Option<RunState>> {
    read(&directories.run_state())
}

/// The record of the last finished maintenance, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn last_maintenance(directories: &InstancePaths) -> Result<Option<MaintenanceRecord>> {
    read(&directories.last_maintenance())
}

/// The state of the maintenance in progress, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn maintaining(directories: &InstancePaths) -> Result<Option<RunState>> {
    read(&directories.maintenance_state())
}

/// Writes the record of a finished run, adds it to the history and removes its state file.
/// Reporting must not make a run fail: write errors are only logged.
pub fn write_record(directories: &InstancePaths, record: &Record) {
    let path = directories.history();
    let mut history: Vec<Record> = match read(&path) {
        Ok(history) => history.unwrap_or_default(),
        Err(error) => {
            log::warn!("discarding the history of runs, which cannot be read: {error:#}");
            Vec::new()
        }
    };
    history.push(record.clone());
    let superfluous = history.len().saturating_sub(HISTORY);
    history.drain(..superfluous);
    write(&path, &history);
    write(&directories.last_run(), record);
    remove(&directories.run_state());
}

/// Writes the record of a finished maintenance, and removes its state file.
pub(super) fn write_maintenance(directories: &InstancePaths, record: &MaintenanceRecord) {
    write(&directories.last_maintenance(), record);
    remove(&directories.maintenance_state());
}

pub(super) fn write(path: &Path, value: &impl Serialize) {
    let written = serde_json::to_vec(value)
        .map_err(Into::into)
        .and_then(|json| write_atomically(path, &json));
    if let Err(error) = written {
        log::error!("cannot write {}: {error}", path.display());
    }
}

pub(super) fn remove(path: &Path) {
    if let Err(error) = remove_if_there(path) {
        log::warn!("cannot remove {}: {error}", path.display());
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let json = match untrusted::read(path, LIMIT) {
        Ok(json) => json,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let value = serde_json::from_slice(&json)
        .with_context(|| format!("{} is damaged; move it elsewhere", path.display()))?;
    Ok(Some(value))
}
