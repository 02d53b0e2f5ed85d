//! What a provider counts: shared by providers, which tell it, and reports, which write it.

use serde::{Deserialize, Serialize};

/// What the provider counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Files in the snapshot.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Bytes added to the repository.
    pub bytes_added: u64,
}

/// How far the provider is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// 0 to 1.
    pub fraction: f64,
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes to read, as far as known.
    pub bytes_total: u64,
    /// Files read.
    pub files_done: u64,
    /// Files to read, as far as known.
    pub files_total: u64,
}
