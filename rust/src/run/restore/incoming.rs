//! Restored data, until it takes the place of the present data.
//!
//! The provider works by name. It therefore writes where nobody else can change names: in
//! a new directory beside the destination or, if others own that place, further up on the
//! same file system. Where not even the root of the file system is ours alone, that is
//! closed to everybody else meanwhile; see [`HeldDirectory`].

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::held::HeldDirectory;
use super::place;
use crate::base::directory;
use crate::base::mounts;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::real_path::{self, Directory, LastLink, RealPath};
use crate::steps::journal::{Action, Journal};
use crate::steps::restore_names;

/// One path on its way from the snapshot to its place.
#[derive(Debug)]
pub struct Incoming {
    /// The path in the snapshot.
    pub stored: PathBuf,
    /// Its real path on this machine.
    pub destination: PathBuf,
    /// Whether something is mounted there: then it keeps its place, and what it holds is
    /// exchanged.
    pub is_mount_point: bool,
    /// Where the provider restores it to, in [`Self::directory`].
    pub fresh: PathBuf,
    /// The directory into which the provider restores.
    pub directory: PathBuf,
    /// Where the data from before is kept.
    pub safety: PathBuf,
    /// A directory that needs care meanwhile, and its own attributes back afterwards.
    pub held: Option<HeldDirectory>,
    missing_parents: Vec<PathBuf>,
}

impl Incoming {
    /// Finds the places for `stored`, which is one of `sources` or below one. Changes
    /// nothing.
    ///
    /// # Errors
    /// It cannot be replaced in place, or not safely.
    pub fn plan(stored: &Path, sources: &[PathBuf], run_id: &str) -> Result<Self, Failure> {
        let last = if sources.iter().any(|source| source == stored) {
            LastLink::Follow
        } else {
            LastLink::Keep
        };
        let unsafe_path = |problem| Failure::of(FailureKind::Failed, problem);
        let real = real_path::resolve(stored, last).map_err(unsafe_path)?;
        let destination = real.path.clone();
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
        refuse_mounts_below(&destination)?;
        let inside = if real.is_mount_point {
            // Its own directory is the innermost that something can be renamed in.
            Some(real_path::resolve(&destination.join("x"), LastLink::Keep).map_err(unsafe_path)?)
        } else {
            None
        };
        let above = &inside.as_ref().unwrap_or(&real).above;
        let workplace = place::workplace(&destination, above)?;
        let home = if real.is_mount_point {
            &destination
        } else {
            parent
        };
        let directory = workplace.path.join(restore_names::incoming(name, run_id));
        let held = (real.is_mount_point || workplace.is_foreign).then(|| HeldDirectory {
            notes: workplace.path.join(restore_names::notes(name, run_id)),
            close: workplace.is_foreign,
            path: workplace.path.clone(),
        });
        let now = Timestamp::now();
        Ok(Self {
            stored: stored.to_owned(),
            fresh: directory.join(stored_name),
            directory,
            safety: unused(|number| home.join(restore_names::safety(name, now, number))),
            is_mount_point: real.is_mount_point,
            held,
            missing_parents: missing_parents(&real),
            destination,
        })
    }

    /// The directory in which everything happens; on the file system of the destination.
    pub fn workplace(&self) -> &Path {
        self.directory.parent().unwrap_or(Path::new("/"))
    }

    /// Makes what is missing above the destination, and the directory to restore into.
    ///
    /// # Errors
    /// It cannot be made, or others have changed the way to it meanwhile.
    pub fn make(&self, journal: &mut Journal) -> Result<(), Failure> {
        for parent in &self.missing_parents {
            make_parent(parent).map_err(|error| self.cannot("make", parent, &error))?;
        }
        if let Some(held) = &self.held {
            held.hold(journal)?;
        }
        journal.add([Action::Remove {
            path: self.directory.clone(),
        }])?;
        directory::make(&self.directory, 0o700)
            .map_err(|error| self.cannot("make", &self.directory, &error))?;
        Ok(())
    }

    /// Checks that something was restored, and that it is on the disk.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self) -> Result<(), Failure> {
        let synced = match directory::is_there(&self.fresh) {
            Ok(true) => directory::open(&self.directory)
                .and_then(|directory| rustix::fs::syncfs(directory).map_err(io::Error::from)),
            Ok(false) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => Err(error),
        };
        synced.map_err(|error| {
            Failure::new(
                format!("{} was not restored: {error}", self.stored.display()),
                "look into the journal of the restore",
            )
        })
    }

    pub(super) fn cannot(&self, verb: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::new(
            format!("cannot {verb} {}: {error}", path.display()),
            format!(
                "check the file system of {}; or restore elsewhere with --target",
                self.destination.display()
            ),
        )
    }
}

/// Renaming a directory takes along what is mounted below it.
fn refuse_mounts_below(destination: &Path) -> Result<(), Failure> {
    let below =
        mounts::below(destination).map_err(|problem| Failure::of(FailureKind::Failed, problem))?;
    let Some(mount_point) = below.first() else {
        return Ok(());
    };
    let (shown, place) = (mount_point.display(), destination.display());
    Err(Failure::new(
        format!("{shown} is mounted below {place}, and would be moved away with it"),
        format!(
            "restore what is beside it and what it holds one by one with --path, or unmount it (`umount {shown}`) if the snapshot holds nothing of it"
        ),
    ))
}

/// Directories that are missing above a path, outermost first.
fn missing_parents(real: &RealPath) -> Vec<PathBuf> {
    let existing = real.above.last().map(|Directory { path, .. }| path.clone());
    let mut missing: Vec<PathBuf> = real
        .path
        .ancestors()
        .skip(1)
        .take_while(|path| Some(*path) != existing.as_deref())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}

/// Whoever the restored data belongs to has to reach it.
fn make_parent(path: &Path) -> io::Result<()> {
    match directory::make(path, 0o755) {
        Ok(made) => directory::hand_over(made, 0, 0),
        // Several destinations may have it in common.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A path at which there is nothing yet: earlier safety copies are never touched.
fn unused(path: impl Fn(u32) -> PathBuf) -> PathBuf {
    let mut number = 1;
    while path(number).symlink_metadata().is_ok() {
        number += 1;
    }
    path(number)
}
