//! Records of restores.
//!
//! Everybody may read them: they name no path. What was restored, and why it failed, is in
//! `restore-result.json` and in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Phase;
use super::state::write;
use crate::base::outcome::Outcome;
use crate::base::paths::InstancePaths;
use crate::base::untrusted;

/// Number of records to keep.
const KEPT: usize = 20;
/// More than these records ever need, in bytes.
const LIMIT: u64 = 1 << 20;

/// Record of a finished restore: the items of `restores.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRecord {
    /// Format; see [`super::record::VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// End, UTC.
    pub finished: Timestamp,
    /// Outcome.
    pub outcome: Outcome,
    /// Something that was stopped or changed could not be undone.
    pub cleanup_failed: bool,
    /// Id of the restored snapshot, if one was chosen.
    pub snapshot: Option<String>,
    /// Every phase with its duration, in order.
    pub phases: Vec<Phase>,
}

/// The last restores, oldest first.
///
/// # Errors
/// The file cannot be read or understood.
pub fn restores(directories: &InstancePaths) -> anyhow::Result<Vec<RestoreRecord>> {
    // Restores may read more than whoever else can write here.
    match untrusted::read(&directories.restores_history(), LIMIT) {
        Ok(json) => Ok(serde_json::from_slice(&json)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Adds the record of a finished restore. An error is only logged.
pub(super) fn add(directories: &InstancePaths, record: &RestoreRecord) {
    let mut all = restores(directories).unwrap_or_else(|_| {
        log::warn!("discarding the history of restores, which cannot be read");
        Vec::new()
    });
    all.push(record.clone());
    let superfluous = all.len().saturating_sub(KEPT);
    all.drain(..superfluous);
    write(&directories.restores_history(), &all);
}
