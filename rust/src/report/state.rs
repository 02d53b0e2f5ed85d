//! Reading and writing of records and state files.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::maintenance::{LastResults, MaintenanceRecord};
use super::record::{Record, RunState};
use crate::base::outcome::Outcome;
use crate::base::paths::{InstancePaths, read_json as read, remove_if_there, write_atomically};

/// Number of records kept in the history.
const HISTORY: usize = 100;

/// The record of the last finished run, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn last_run(directories: &InstancePaths) -> Result<Option<Record>> {
    read(&directories.last_run())
}

/// The record of the last success, however long ago it was.
///
/// # Errors
/// The file is not a record, or cannot be read.
pub fn last_success(directories: &InstancePaths) -> Result<Option<Record>> {
    read(&directories.last_success())
}

/// The last runs, oldest first, with the last success whenever that was.
///
/// # Errors
/// The history or one of the records is none, or cannot be read.
pub fn history(directories: &InstancePaths) -> Result<Vec<Record>> {
    let history = read(&directories.history())?.unwrap_or_default();
    Ok(merged(
        history,
        last_run(directories)?,
        last_success(directories)?,
    ))
}

fn merged(mut history: Vec<Record>, last: Option<Record>, success: Option<Record>) -> Vec<Record> {
    // The last record is written after the history, and alone if writing the history failed.
    history.extend(last.filter(|last| {
        history
            .last()
            .is_none_or(|run| run.finished < last.finished)
    }));
    // The history is trimmed.
    history.splice(
        0..0,
        success.filter(|success| {
            history
                .first()
                .is_none_or(|run| success.finished < run.finished)
        }),
    );
    history
}

/// All records of an instance, as far as they can be read.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The last runs, oldest first, with the last success whenever that was.
    pub runs: Vec<Record>,
    /// The last maintenance.
    pub maintenance: Option<MaintenanceRecord>,
    /// The last result of each step of maintenance.
    pub results: LastResults,
    /// What cannot be read, and why.
    pub unreadable: Vec<String>,
}

impl Records {
    /// Reads each file, and each record of the history, by itself. With `brief`, leaves out
    /// the history, which is long, if the last run alone says enough: if it succeeded.
    #[must_use]
    pub fn read(directories: &InstancePaths, brief: bool) -> Self {
        let mut records = Self::default();
        let last = records.known(last_run(directories)).flatten();
        let success = records.known(last_success(directories)).flatten();
        let enough = |last: &Record| last.outcome == Outcome::Success && last.snapshot.is_some();
        if !(brief && last.as_ref().is_some_and(enough)) {
            records.runs = records.history(directories);
        }
        records.runs = merged(std::mem::take(&mut records.runs), last, success);
        records.maintenance = records.known(last_maintenance(directories)).flatten();
        records.results = records.known(last_results(directories)).unwrap_or_default();
        records
    }

    fn history(&mut self, directories: &InstancePaths) -> Vec<Record> {
        let path = directories.history();
        if let Ok(runs) = read(&path) {
            return runs.unwrap_or_default();
        }
        // Not all of it is understood.
        let all: Option<Vec<serde_json::Value>> = self.known(read(&path)).flatten();
        let mut runs = Vec::new();
        for value in all.unwrap_or_default() {
            let parsed = serde_json::from_value(value);
            runs.extend(
                self.known(
                    parsed.with_context(|| format!("{} has a damaged record", path.display())),
                ),
            );
        }
        runs
    }

    fn known<T>(&mut self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| self.unreadable.push(format!("{error:#}")))
            .ok()
    }
}

/// The state of the run in progress, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn running(directories: &InstancePaths) -> Result<Option<RunState>> {
    read(&directories.run_state())
}

/// The id of the run that waits for its conditions or for others, if there is one.
///
/// # Errors
/// See [`running`].
pub fn waiting(directories: &InstancePaths) -> Result<Option<String>> {
    let state = running(directories)?.filter(|state| state.phase == "waiting");
    Ok(state.map(|state| state.run_id))
}

/// The record of the last finished maintenance, if there is one.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn last_maintenance(directories: &InstancePaths) -> Result<Option<MaintenanceRecord>> {
    read(&directories.last_maintenance())
}

/// The last result of each step of maintenance.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn last_results(directories: &InstancePaths) -> Result<LastResults> {
    Ok(read(&directories.last_results())?.unwrap_or_default())
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
    add_record(directories, record, |_| true);
}

/// Writes the record of a run again, in the place of the one that it has.
pub fn correct_record(directories: &InstancePaths, record: &Record) {
    add_record(directories, record, |run| run.run_id != record.run_id);
}

/// Adds a record to those of the history that are to be kept.
fn add_record(directories: &InstancePaths, record: &Record, keep: impl Fn(&Record) -> bool) {
    let path = directories.history();
    let mut history: Vec<Record> = match read(&path) {
        Ok(history) => history.unwrap_or_default(),
        Err(error) => {
            log::warn!("discarding the history of runs, which cannot be read: {error:#}");
            Vec::new()
        }
    };
    history.retain(keep);
    history.push(record.clone());
    let superfluous = history.len().saturating_sub(HISTORY);
    history.drain(..superfluous);
    write(&path, &history);
    if record.outcome == Outcome::Success {
        write(&directories.last_success(), record);
    }
    write(&directories.last_run(), record);
    remove(&directories.run_state());
}

/// Writes the record of a finished maintenance and its results, and removes its state file.
pub fn write_maintenance(directories: &InstancePaths, record: &MaintenanceRecord) {
    let mut results = last_results(directories).unwrap_or_else(|error| {
        log::warn!("discarding the last results, which cannot be read: {error:#}");
        LastResults::default()
    });
    results.add(record);
    write(&directories.last_results(), &results);
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
