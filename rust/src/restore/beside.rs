//! Restoring beside the destination, then changing names: the old data is there until
//! the new data is complete, and stays as a safety copy. Until everything is in its
//! place, the journal puts all of it back.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::place;
use super::request::Restored;
use crate::intent::{Action, Journal};
use crate::outcome::Failure;
use crate::paths::sync_parent;

/// One path on its way.
#[derive(Debug)]
pub struct Beside {
    /// The path in the snapshot.
    pub stored: PathBuf,
    /// The directory into which it is restored.
    pub directory: PathBuf,
    fresh: PathBuf,
    destination: PathBuf,
    safety: PathBuf,
}

impl Beside {
    /// Finds the places for `stored`, which is one of `sources` or below one.
    pub fn plan(stored: &Path, sources: &[PathBuf], run_id: &str) -> Result<Self, Failure> {
        let is_source = sources.iter().any(|source| source == stored);
        let destination = place::resolve(stored, is_source);
        place::check_renamable(&destination)?;
        let (Some(parent), Some(name), Some(stored_name)) = (
            destination.parent(),
            destination.file_name(),
            stored.file_name(),
        ) else {
            return Err(Failure::new(
                format!("{} cannot be replaced in place", stored.display()),
                "restore elsewhere with --target",
            ));
        };
        let hidden = |end: &str| {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(end);
            parent.join(hidden)
        };
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let short: String = run_id.chars().take(8).collect();
        let directory = hidden(&format!(".backupservice-new-{short}"));
        Ok(Self {
            stored: stored.to_owned(),
            fresh: directory.join(stored_name),
            directory,
            safety: unused(|end| hidden(&format!(".before-restore-{now}{end}"))),
            destination,
        })
    }

    /// Makes the directory beside the destination.
    pub fn make(&self, journal: &mut Journal) -> Result<(), Failure> {
        journal.add([Action::Remove {
            path: self.directory.clone(),
        }])?;
        let parent = self.directory.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)
            .and_then(|()| DirBuilder::new().mode(0o700).create(&self.directory))
            .map_err(|error| {
                Failure::new(
                    format!("cannot make {}: {error}", self.directory.display()),
                    "check that the file system is writable; or restore elsewhere with --target",
                )
            })
    }

    /// What was restored is there, and on the disk.
    pub fn check(&self) -> Result<(), Failure> {
        let synced = self
            .fresh
            .symlink_metadata()
            .and_then(|_| File::open(&self.directory))
            .and_then(|directory| rustix::fs::syncfs(directory).map_err(io::Error::from));
        synced.map_err(|error| {
            Failure::new(
                format!("{} was not restored: {error}", self.stored.display()),
                "look into the journal of the restore",
            )
        })
    }

    /// How the swap is undone, to be written down before it.
    pub fn put_back(&self, existed: bool) -> Action {
        Action::PutBack {
            from: self.safety.clone(),
            to: self.destination.clone(),
            fresh: self.fresh.clone(),
            existed,
        }
    }

    /// Puts the old data aside, if there is any, and the new data in its place.
    pub fn swap(&self, existed: bool, done: &mut Restored) -> Result<(), Failure> {
        if existed {
            self.rename(&self.destination, &self.safety)?;
            done.safety_copies.push(self.safety.clone());
        }
        self.rename(&self.fresh, &self.destination)?;
        done.restored.push(self.destination.clone());
        Ok(())
    }

    /// There is old data.
    pub fn exists(&self) -> bool {
        self.destination.symlink_metadata().is_ok()
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        let renamed = fs::rename(from, to).and_then(|()| sync_parent(to));
        renamed.map_err(|error| {
            Failure::new(
                format!(
                    "cannot rename {} to {}: {error}",
                    from.display(),
                    to.display()
                ),
                format!("check the file system of {}", self.destination.display()),
            )
        })
    }
}

/// A path at which there is nothing yet: earlier safety copies are never touched.
fn unused(path: impl Fn(&str) -> PathBuf) -> PathBuf {
    let mut candidate = path("");
    let mut number = 2;
    while candidate.symlink_metadata().is_ok() {
        candidate = path(&format!("-{number}"));
        number += 1;
    }
    candidate
}
