//! Locks between processes of this machine: at most one run or restore of an instance at
//! a time, and what [`crate::run::locks`] makes of them.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Context;
use rustix::fs::FlockOperation;

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;

/// With whom a lock is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With nobody.
    Alone,
    /// With others of this mode.
    Together,
}

/// Held until dropped. The kernel drops it with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
}

impl Drop for Lock {
    /// Closing the file would leave the lock to a child between its fork and its exec.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            log::warn!("cannot give up a lock: {error}");
        }
    }
}

/// Takes the lock of an instance; none if another process has it.
///
/// # Errors
/// The lock file cannot be opened.
pub fn try_take(directories: &InstancePaths) -> anyhow::Result<Option<Lock>> {
    try_file(&directories.lock(), Mode::Alone)
}

/// Takes a lock; none if another process has it in a mode that excludes this one.
///
/// # Errors
/// The lock file cannot be opened.
pub fn try_file(path: &Path, mode: Mode) -> anyhow::Result<Option<Lock>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    let file = OwnedFd::from(file);
    let operation = match mode {
        Mode::Alone => FlockOperation::NonBlockingLockExclusive,
        Mode::Together => FlockOperation::NonBlockingLockShared,
    };
    match rustix::fs::flock(&file, operation) {
        Ok(()) => Ok(Some(Lock { file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Takes the lock of an instance.
///
/// # Errors
/// Another process has it, which may pass, or the lock file cannot be opened.
pub fn take(directories: &InstancePaths, instance: &str) -> Result<Lock, Failure> {
    try_take(directories)?.ok_or_else(|| {
        Failure::of(
            FailureKind::Transient,
            Problem::new(
                format!("another run or restore of {instance} holds the lock"),
                "wait for its end: `systemctl list-units 'backupservice-*'` shows what runs",
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::Host;

    #[test]
    fn the_second_has_to_wait_for_the_first() {
        let root = tempfile::tempdir().unwrap();
        let directories = Host::new(root.path()).instance("x");
        std::fs::create_dir_all(&directories.runtime).unwrap();
        let first = take(&directories, "x").unwrap();
        let refused = take(&directories, "x").unwrap_err();
        assert_eq!(refused.kind, FailureKind::Transient);
        assert!(refused.problem.message.contains("of x holds the lock"));
        // As a child has it between its fork and its exec.
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        take(&directories, "x").unwrap();
        drop(inherited);
    }
}
