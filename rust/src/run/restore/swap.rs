//! Changing names, by descriptor: the old data is there until the new data is complete, and
//! stays as a safety copy. Until everything is in its place, the journal rolls it back.
//!
//! A mount point keeps its name. There, what changes names is everything that it holds.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::incoming::Incoming;
use super::request::Restored;
use crate::base::directory;
use crate::base::outcome::Failure;
use crate::steps::journal::Action;
use crate::steps::restore_names;

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

impl Swap {
    /// Action that undoes the swap, to be recorded before it.
    pub fn roll_back(&self) -> Action {
        Action::RollBack {
            from: self.safety.clone(),
            to: self.destination.clone(),
            fresh: self.fresh.clone(),
            existed: self.existed,
        }
    }
}

impl Incoming {
    /// The changes of names that put the old data aside and the new data in its place.
    pub fn swaps(&self) -> Result<Vec<Swap>, Failure> {
        if !self.is_mount_point {
            let existed = directory::is_there(&self.destination);
            return Ok(vec![Swap {
                fresh: self.fresh.clone(),
                destination: self.destination.clone(),
                safety: self.safety.clone(),
                existed: existed
                    .map_err(|error| self.cannot("look at", &self.destination, &error))?,
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
        if let Some(held) = &self.held {
            held.note_future(self.is_mount_point.then_some(&self.fresh))?;
        }
        if self.is_mount_point && has_old {
            directory::make(&self.safety, 0o700)
                .map_err(|error| self.cannot("make", &self.safety, &error))?;
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
        if let Some(held) = &self.held {
            held.take_on()?;
        }
        if has_old {
            done.safety_copies.push(self.safety.clone());
        }
        done.restored.push(self.destination.clone());
        Ok(())
    }

    /// Names of what a mount point holds, besides what belongs to restores or to the file
    /// system itself.
    fn held_by(&self, holder: &Path) -> Result<BTreeSet<OsString>, Failure> {
        let names =
            directory::names(holder).map_err(|error| self.cannot("list", holder, &error))?;
        let data = self.destination.file_name().unwrap_or_default();
        let notes = self.held.as_ref().and_then(|held| held.notes.file_name());
        let own = |name: &OsString| {
            name == "lost+found"
                || self.directory.file_name() == Some(name)
                || notes == Some(name)
                || restore_names::is_safety(name, data)
        };
        Ok(names.into_iter().filter(|name| !own(name)).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        directory::rename(from, to).map_err(|error| {
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
