//! Claims on units that several instances stop: the last of them starts the unit.
//!
//! `/run/backupservice/.stopped/UNIT/INSTANCE` exists while INSTANCE needs UNIT to be
//! stopped, and says which unit that is. What is undone follows from the journals; every
//! instance that needs a unit to be stopped has it in its own. A reboot removes the claims
//! together with the runs.
//!
//! The unit of a backup sees the directories of those units alone that it may stop: it
//! cannot keep those of others from being started.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::base::process::TICK;
use crate::base::untrusted;
use crate::plan::is_unit_name;

/// More than the name of a unit has, in bytes.
const LIMIT: u64 = 256;

/// Exclusive access to the claims; the kernel releases it with the process.
#[derive(Debug)]
pub struct Claims {
    directory: PathBuf,
    instance: String,
    _lock: OwnedFd,
}

/// Waits for exclusive access, which others hold only while units stop or start.
///
/// # Errors
/// If the run is cancelled meanwhile, or the files cannot be written.
pub fn claims(
    directories: &InstancePaths,
    phase: &str,
    cancel: &Cancel,
) -> Result<Claims, Failure> {
    let lock = directories.locks.join("stopped");
    let using = || format!("cannot use {}", lock.display());
    fs::create_dir_all(&directories.locks).with_context(using)?;
    let file = untrusted::open_for_writing(&lock).with_context(using)?;
    while let Err(error) =
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
    {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(anyhow::Error::from(error).context(using()).into());
        }
        if cancel.requested() {
            return Err(Failure::cancelled(phase));
        }
        thread::sleep(TICK);
    }
    Ok(Claims {
        instance: directories.name().to_string_lossy().into_owned(),
        _lock: file.into(),
        directory: directories.stopped_units(),
    })
}

impl Claims {
    /// Name of another instance that needs `unit` to be stopped.
    #[must_use]
    pub fn other(&self, unit: &str) -> Option<String> {
        let entries = fs::read_dir(self.of(unit)).ok()?;
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .find(|name| *name != self.instance)
    }

    /// Claims `unit` for this instance.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub fn add(&self, unit: &str) -> Result<()> {
        self.write(unit)
            .with_context(|| format!("cannot write {}", self.file(unit).display()))
    }

    /// Drops the claim of this instance on `unit`.
    ///
    /// # Errors
    /// If the claim cannot be removed.
    pub fn drop(&self, unit: &str) -> Result<()> {
        let file = self.file(unit);
        remove_if_there(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    /// Instances share the directory, and a restore has more rights than a backup: so none of
    /// its entries is followed if it is a link.
    fn write(&self, unit: &str) -> io::Result<()> {
        let directory = self.of(unit);
        fs::create_dir_all(&directory)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&directory, flags, Mode::empty())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o600);
        let name = &self.instance;
        let file = rustix::fs::openat(directory, name, flags | OFlags::CLOEXEC, mode)?;
        fs::File::from(file).write_all(unit.as_bytes())
    }

    fn file(&self, unit: &str) -> PathBuf {
        self.of(unit).join(&self.instance)
    }

    fn of(&self, unit: &str) -> PathBuf {
        self.directory.join(unit.replace(['\\', ':'], "_"))
    }
}

/// Drops all claims of an instance, which has nothing to undo.
pub fn forget(directories: &InstancePaths) {
    for file in files(directories) {
        if let Err(error) = remove_if_there(&file) {
            log::warn!("cannot remove {}: {error}", file.display());
        }
    }
}

/// Names of the units that an instance has claimed; none if they cannot be listed.
#[must_use]
pub fn claimed(directories: &InstancePaths) -> Vec<String> {
    let named = |file: PathBuf| String::from_utf8(untrusted::read(&file, LIMIT).ok()?).ok();
    let mut units: Vec<String> = files(directories).filter_map(named).collect();
    units.retain(|unit| is_unit_name(unit));
    // A socket cannot be started once its service runs.
    units.sort_by_key(|unit| (unit.ends_with(".service"), unit.clone()));
    units
}

/// Where the claims of an instance may be.
fn files(directories: &InstancePaths) -> impl Iterator<Item = PathBuf> {
    let units = fs::read_dir(directories.stopped_units());
    let units = units.into_iter().flatten().flatten();
    let name = directories.name().to_owned();
    units
        .map(move |unit| unit.path().join(Path::new(&name)))
        .filter(|file| file.symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::outcome::FailureKind;
    use crate::base::paths::Host;

    #[test]
    fn a_unit_is_claimed_until_no_instance_needs_it() {
        let root = tempfile::tempdir().unwrap();
        let of = |name| Host::new(root.path()).instance(name);
        let never = Cancel::never();
        let a = claims(&of("a"), "quiesce", &never).unwrap();
        a.add("x.service").unwrap();
        assert_eq!(a.other("x.service"), None);
        drop(a);
        assert_eq!(claimed(&of("a")), ["x.service"]);
        let escaped = r"x@a\x2db:c.service";
        let a = claims(&of("a"), "quiesce", &never).unwrap();
        a.add(escaped).unwrap();
        assert_eq!(claimed(&of("a")), ["x.service", escaped]);
        drop(a);
        let b = claims(&of("b"), "quiesce", &never).unwrap();
        assert_eq!(b.other("x.service").as_deref(), Some("a"));
        assert_eq!(b.other("y.service"), None);
        b.drop("x.service").unwrap();
        assert!(b.other("x.service").is_some(), "only one's own claim goes");
        forget(&of("a"));
        forget(&of("a"));
        assert_eq!(b.other("x.service"), None);
    }

    #[test]
    fn waiting_can_be_cancelled() {
        let root = tempfile::tempdir().unwrap();
        let directories = Host::new(root.path()).instance("a");
        let cancel = Cancel::default();
        let _held = claims(&directories, "quiesce", &cancel).unwrap();
        cancel.request();
        let refused = claims(&directories, "quiesce", &cancel).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Cancelled);
    }

    #[test]
    fn planted_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let directories = Host::new(root.path()).instance("a");
        let stopped = directories.stopped_units();
        let victims = root.path().join("victims");
        for directory in [&stopped, &victims] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(victims.join("a"), "untouched").unwrap();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(victims.join(to), stopped.join(name)).unwrap();
        };
        let never = Cancel::never();

        fs::create_dir_all(&directories.locks).unwrap();
        let lock = directories.locks.join("stopped");
        std::os::unix::fs::symlink(victims.join("a"), &lock).unwrap();
        assert!(claims(&directories, "quiesce", &never).is_err());
        fs::remove_file(lock).unwrap();
        let held = claims(&directories, "quiesce", &never).unwrap();
        link("", "x.service");
        assert!(held.add("x.service").is_err());
        fs::remove_file(stopped.join("x.service")).unwrap();
        fs::create_dir(stopped.join("x.service")).unwrap();
        link("a", "x.service/a");
        assert!(held.add("x.service").is_err());
        assert_eq!(claimed(&directories), [] as [&str; 0]);
        held.add("y.service").unwrap();
        assert_eq!(claimed(&directories), ["y.service"]);
        forget(&directories);

        assert_eq!(fs::read(victims.join("a")).unwrap(), b"untouched");
    }
}
