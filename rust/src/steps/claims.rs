//! Claims on units that several instances stop: the last of them starts the unit.
//!
//! `/run/backupservice/.stopped/INSTANCE/UNIT` exists while INSTANCE needs UNIT to be
//! stopped. What is undone follows from the journals; every instance that needs a unit to
//! be stopped has it in its own. A reboot removes the claims together with the runs.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::base::process::TICK;

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
    let file = File::create(directory.join(".lock")).with_context(using)?;
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
    let instance = directories.runtime.file_name().unwrap_or_default();
    Ok(Claims {
        instance: instance.to_string_lossy().into_owned(),
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
        let file = self.file(&self.instance, unit);
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))
            .and_then(|()| File::create(&file))
            .with_context(|| format!("cannot write {}", file.display()))
            .map(|_| ())
    }

    /// Drops the claim of this instance on `unit`.
    ///
    /// # Errors
    /// If the claim cannot be removed.
    pub fn drop(&self, unit: &str) -> Result<()> {
        let file = self.file(&self.instance, unit);
        remove_if_there(&file).with_context(|| format!("cannot remove {}", file.display()))
    }

    fn file(&self, instance: &str, unit: &str) -> PathBuf {
        self.directory.join(instance).join(unit)
    }
}

/// Drops all claims of an instance, which has nothing to undo.
pub fn forget(directories: &InstancePaths) {
    let Some(name) = directories.runtime.file_name() else {
        return;
    };
    let own = directories.stopped_units().join(name);
    match fs::remove_dir_all(&own) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            log::warn!("cannot remove {}: {error}", own.display());
        }
        _ => {}
    }
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
}
