//! Restoring beside the destination, then changing names: the old data is there until
//! the new data is complete, and stays as a safety copy. Until everything is in its
//! place, the journal puts all of it back.
//!
//! A mount point keeps its name. There, all this happens inside of it, and what changes
//! names is everything that it holds.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::place;
use super::request::Restored;
use crate::base::outcome::Failure;
use crate::base::paths::sync_parent;
use crate::steps::journal::{Action, Journal};

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
    is_mount_point: bool,
}

/// A change of names.
#[derive(Clone, Debug)]
pub struct Swap {
    fresh: PathBuf,
    destination: PathBuf,
    safety: PathBuf,
    existed: bool,
    /// Something takes its place.
    restored: bool,
}

const SAFETY: &str = ".before-restore-";

impl Beside {
    /// Finds the places for `stored`, which is one of `sources` or below one.
    pub fn plan(stored: &Path, sources: &[PathBuf], run_id: &str) -> Result<Self, Failure> {
        let is_source = sources.iter().any(|source| source == stored);
        let destination = place::resolve(stored, is_source);
        let is_mount_point = place::is_mount_point(&destination);
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
        let place = if is_mount_point { &destination } else { parent };
        let hidden = |end: &str| {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(end);
            place.join(hidden)
        };
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let short: String = run_id.chars().take(8).collect();
        let directory = hidden(&format!(".backupservice-new-{short}"));
        Ok(Self {
            stored: stored.to_owned(),
            fresh: directory.join(stored_name),
            directory,
            safety: unused(|end| hidden(&format!("{SAFETY}{now}{end}"))),
            destination,
            is_mount_point,
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

    /// The changes of names that put the old data aside and the new data in its place.
    pub fn swaps(&self) -> Result<Vec<Swap>, Failure> {
        if !self.is_mount_point {
            return Ok(vec![Swap {
                fresh: self.fresh.clone(),
                destination: self.destination.clone(),
                safety: self.safety.clone(),
                existed: is_there(&self.destination),
                restored: true,
            }]);
        }
        let old = self.held_by(&self.destination)?;
        let new = self.held_by(&self.fresh)?;
        Ok(old
            .union(&new)
            .map(|name| Swap {
                fresh: self.fresh.join(name),
                destination: self.destination.join(name),
                safety: self.safety.join(name),
                existed: old.contains(name),
                restored: new.contains(name),
            })
            .collect())
    }

    /// Changes the names, as written down before.
    pub fn swap(&self, swaps: &[Swap], done: &mut Restored) -> Result<(), Failure> {
        let has_old = swaps.iter().any(|swap| swap.existed);
        if self.is_mount_point {
            self.take_over()?;
            if has_old {
                let made = DirBuilder::new().mode(0o700).create(&self.safety);
                made.map_err(|error| {
                    self.trouble(&format!("cannot make {}: {error}", self.safety.display()))
                })?;
            }
        }
        for swap in swaps {
            if swap.existed {
                self.rename(&swap.destination, &swap.safety)?;
            }
            // Were it gone by now, that must not pass for a restore of nothing.
            if swap.restored {
                self.rename(&swap.fresh, &swap.destination)?;
            }
        }
        if has_old {
            done.safety_copies.push(self.safety.clone());
        }
        done.restored.push(self.destination.clone());
        Ok(())
    }

    /// Names of what a mount point holds, besides what belongs to restores or to the file
    /// system itself.
    fn held_by(&self, directory: &Path) -> Result<BTreeSet<OsString>, Failure> {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| {
            self.trouble(&format!("cannot list {}: {error}", directory.display()))
        })?;
        let mut safety = OsString::from(".");
        safety.push(self.destination.file_name().unwrap_or_default());
        safety.push(SAFETY);
        let own = |name: &OsString| {
            name == "lost+found"
                || self.directory.file_name() == Some(name)
                || name
                    .as_encoded_bytes()
                    .starts_with(safety.as_encoded_bytes())
        };
        let names = entries.into_iter().map(|entry| entry.file_name());
        Ok(names.filter(|name| !own(name)).collect())
    }

    /// The owner and mode of what is restored.
    fn take_over(&self) -> Result<(), Failure> {
        let taken = self.fresh.metadata().and_then(|fresh| {
            std::os::unix::fs::chown(&self.destination, Some(fresh.uid()), Some(fresh.gid()))?;
            fs::set_permissions(&self.destination, fresh.permissions())
        });
        taken.map_err(|error| {
            self.trouble(&format!(
                "cannot give {} its owner and mode: {error}",
                self.destination.display()
            ))
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        let renamed = fs::rename(from, to).and_then(|()| sync_parent(to));
        renamed.map_err(|error| {
            self.trouble(&format!(
                "cannot rename {} to {}: {error}",
                from.display(),
                to.display()
            ))
        })
    }

    fn trouble(&self, message: &str) -> Failure {
        Failure::new(
            message,
            format!("check the file system of {}", self.destination.display()),
        )
    }
}

impl Swap {
    /// How it is undone, to be written down before it.
    pub fn put_back(&self) -> Action {
        Action::RollBack {
            from: self.safety.clone(),
            to: self.destination.clone(),
            fresh: self.fresh.clone(),
            existed: self.existed,
        }
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
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
