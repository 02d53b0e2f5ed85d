//! The root of a file system in which a restore works.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Timestamps, Uid};

use crate::base::outcome::Failure;
use crate::base::{attributes, directory};
use crate::steps::journal::{Action, Journal};
use crate::steps::undo::{AFTER, BEFORE};

/// A directory that is changed by a restore although it stays where it is: its attributes
/// are noted, as those of two empty directories beside the data, and given back.
///
/// If it belongs to somebody else, it is closed to them until the restored data is in its
/// place. Otherwise they could exchange names in it while the provider writes.
#[derive(Debug)]
pub struct HeldDirectory {
    /// The directory.
    pub path: PathBuf,
    /// A directory in it, with the notes.
    pub notes: PathBuf,
    /// Whether it has to be closed.
    pub close: bool,
}

impl HeldDirectory {
    /// Notes the attributes as they are, and closes the directory if need be.
    pub fn hold(&self, journal: &mut Journal) -> Result<(), Failure> {
        let held = directory::open(&self.path).and_then(|held| {
            let times = attributes::times(&held)?;
            Ok((held, times))
        });
        let (held, times) = held.map_err(|error| self.trouble("look at", &error))?;
        journal.add([Action::Attributes {
            path: self.path.clone(),
            notes: self.notes.clone(),
            committed: false,
        }])?;
        let noted =
            directory::make(&self.notes, 0o700).and_then(|_| self.note(BEFORE, &self.path, &times));
        noted.map_err(|error| self.trouble("note the owner and mode of", &error))?;
        if self.close {
            let own = rustix::process::geteuid().as_raw();
            let closed = rustix::fs::fchown(&held, Some(Uid::from_raw(own)), None)
                .and_then(|()| rustix::fs::fchmod(&held, Mode::from_raw_mode(0o700)));
            closed.map_err(|error| self.trouble("close", &error.into()))?;
        }
        Ok(())
    }

    /// Notes the attributes that it is to have in the end: those of `fresh` if that takes
    /// its place, otherwise its own.
    pub fn note_future(&self, fresh: Option<&Path>) -> Result<(), Failure> {
        let before = self.notes.join(BEFORE);
        let from = fresh.unwrap_or(&before);
        directory::open(from)
            .and_then(attributes::times)
            .and_then(|times| self.note(AFTER, from, &times))
            .map_err(|error| self.trouble("note the future owner and mode of", &error))
    }

    /// Gives it these attributes. Its times follow when the journal is undone.
    pub fn take_on(&self) -> Result<(), Failure> {
        directory::open(&self.notes.join(AFTER))
            .and_then(|from| attributes::copy(from, directory::open(&self.path)?))
            .map_err(|error| self.trouble("give its owner and mode to", &error))
    }

    /// A note is there only once it is complete.
    fn note(&self, name: &str, from: &Path, times: &Timestamps) -> io::Result<()> {
        let unfinished = self.notes.join("unfinished");
        let note = directory::make(&unfinished, 0o700)?;
        attributes::copy(directory::open(from)?, &note)?;
        rustix::fs::futimens(&note, times)?;
        directory::rename(&unfinished, &self.notes.join(name))
    }

    fn trouble(&self, verb: &str, error: &io::Error) -> Failure {
        Failure::new(
            format!("cannot {verb} {}: {error}", self.path.display()),
            "check its file system; or restore elsewhere with --target",
        )
    }
}
