//! Repositories of another provider, which each program takes for something else: damage, or a
//! wrong password.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Said by us, since restic takes a repository of borg for one with another password.
pub const BORG: &str = "the repository was made by borg";
/// Said by us, since borg takes a repository of restic for a damaged one.
pub const RESTIC: &str = "the repository was made by restic";

/// First line of the file `config` of borg's repositories (borg 1.4, `repository.py`).
const BORG_CONFIG: &[u8] = b"[repository]";
/// Directories that each repository of restic has (restic's `doc/design.rst`).
const RESTIC_DIRECTORIES: [&str; 4] = ["data", "index", "keys", "snapshots"];

/// Whether borg has made a repository in `directory`.
pub fn is_of_borg(directory: &Path) -> bool {
    let mut start = Vec::new();
    let length = BORG_CONFIG.len() as u64;
    File::open(directory.join("config"))
        .and_then(|file| file.take(length).read_to_end(&mut start))
        .is_ok_and(|_| start == BORG_CONFIG)
}

/// Whether restic has made a repository in `directory`.
pub fn is_of_restic(directory: &Path) -> bool {
    let mut directories = RESTIC_DIRECTORIES.iter();
    directory.join("config").is_file() && directories.all(|name| directory.join(name).is_dir())
}
