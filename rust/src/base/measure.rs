//! Counters of providers: totals of a snapshot, and progress.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Totals of a snapshot, as counted by the provider.
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

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, added) = (size(self.bytes), size(self.bytes_added));
        write!(f, "{} files, {bytes}, {added} added", self.files)
    }
}

/// Progress of a backup or restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// 0 to 1; 0 while `bytes_total` is.
    pub fraction: f64,
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes to read, as far as known; 0 if the provider cannot tell.
    pub bytes_total: u64,
    /// Files read.
    pub files_done: u64,
    /// Files to read, as far as known; 0 if the provider cannot tell.
    pub files_total: u64,
}

/// Formats a number of bytes in powers of 1024, with one decimal.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10;
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
        tenths /= 1024;
        if tenths < 10_240 || unit == "TiB" {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(count), expected);
        }
    }
}
