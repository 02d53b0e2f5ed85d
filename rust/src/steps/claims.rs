//! Claims on units that several instances stop: the last of them starts the unit.
//!
//! `/run/backupservice/.stopped/INSTANCE/UNIT` exists while INSTANCE needs UNIT to be
//! stopped. What is undone follows from the journals; every instance that needs a unit to
//! be stopped has it in its own. A reboot removes the claims together with the runs.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::base::process::TICK;
use crate::base::untrusted;

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
    let directory = directories.stopped_units();
    let using = || format!("cannot use {}", directory.display());
    fs::create_dir_all(&directory).with_context(using)?;
    let file = untrusted::open_for_writing(&directory.join(".lock")).with_context(using)?;
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
        directory,
    })
}

impl Claims {
    /// Name of another instance that needs `unit` to be stopped.
    #[must_use]
    pub fn other(&self, unit: &str) -> Option<String> {
        let entries = fs::read_dir(&self.directory).ok()?;
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .find(|name| *name != self.instance && self.file(name, unit).symlink_metadata().is_ok())
    }

    /// Claims `unit` for this instance.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub fn add(&self, unit: &str) -> Result<()> {
        self.write(unit).with_context(|| {
            let file = self.file(&self.instance, unit);
            format!("cannot write {}", file.display())
        })
    }

    /// Drops the claim of this instance on `unit`.
    ///
    /// # Errors
    /// If the claim cannot be removed.
    pub fn drop(&self, unit: &str) -> Result<()> {
        let file = self.file(&self.instance, unit);
        remove_if_there(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    /// All instances share the directory, and a restore has more rights than a backup: so
    /// none of its entries is followed if it is a link.
    fn write(&self, unit: &str) -> io::Result<()> {
        let own = self.directory.join(&self.instance);
        match fs::create_dir(&own) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let own = rustix::fs::open(&own, flags, Mode::empty())?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::openat(own, unit, flags | OFlags::CLOEXEC, mode)?;
        Ok(())
    }

    fn file(&self, instance: &str, unit: &str) -> PathBuf {
        self.directory.join(instance).join(unit)
    }
}

/// Drops all claims of an instance, which has nothing to undo.
pub fn forget(directories: &InstancePaths) {
    let own = directories.stopped_units().join(directories.name());
    match fs::remove_dir_all(&own) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            log::warn!("cannot remove {}: {error}", own.display());
        }
        _ => {}
    }
}

/// Names of the units that an instance has claimed; none if they cannot be listed.
#[must_use]
pub fn claimed(directories: &InstancePaths) -> Vec<String> {
    let own = directories.stopped_units().join(directories.name());
    let entries = fs::read_dir(own).into_iter().flatten().flatten();
    let mut units: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    // A socket cannot be started once its service runs.
    units.sort_by_key(|unit| (unit.ends_with(".service"), unit.clone()));
    units
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
        fs::write(victims.join("x.service"), "untouched").unwrap();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(victims.join(to), stopped.join(name)).unwrap();
        };
        let never = Cancel::never();

        link("x.service", ".lock");
        assert!(claims(&directories, "quiesce", &never).is_err());
        fs::remove_file(stopped.join(".lock")).unwrap();
        link("", "a");
        let held = claims(&directories, "quiesce", &never).unwrap();
        assert!(held.add("y.service").is_err());
        fs::remove_file(stopped.join("a")).unwrap();
        fs::create_dir(stopped.join("a")).unwrap();
        link("y.service", "a/y.service");
        assert!(held.add("y.service").is_err());
        held.add("x.service").unwrap();

        assert_eq!(fs::read(victims.join("x.service")).unwrap(), b"untouched");
        assert!(!victims.join("y.service").exists());
    }
}
