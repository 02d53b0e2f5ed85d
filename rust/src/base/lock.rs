//! File locks between processes of this machine. [`crate::run::locks`] builds on them.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Context;
use rustix::fs::FlockOperation;

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;
use crate::base::untrusted;

/// Mode of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Excludes all other holders.
    Exclusive,
    /// Excludes exclusive holders only.
    Shared,
}

/// A held lock, released when dropped, or by the kernel at the end of the process.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
}

impl Lock {
    /// Another handle of the locked file. A process that has it holds the lock too, until both
    /// it and this process have ended.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn share(&self) -> std::io::Result<OwnedFd> {
        self.file.try_clone()
    }
}

impl Drop for Lock {
    /// Unlocks explicitly: closing the file would leave the lock with a child that is between
    /// fork and exec.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            log::warn!("cannot release a lock: {error}");
        }
    }
}

/// Acquires the lock of an instance; none if another process holds it.
///
/// # Errors
/// The lock file cannot be opened.
pub fn try_take(directories: &InstancePaths) -> anyhow::Result<Option<Lock>> {
    try_file(&directories.lock(), Mode::Exclusive)
}

/// Acquires a lock; none if another process holds it in a conflicting mode.
///
/// # Errors
/// The lock file cannot be opened.
pub fn try_file(path: &Path, mode: Mode) -> anyhow::Result<Option<Lock>> {
    let file = untrusted::open_for_writing(path)
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    let file = OwnedFd::from(file);
    let operation = match mode {
        Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        Mode::Shared => FlockOperation::NonBlockingLockShared,
    };
    match rustix::fs::flock(&file, operation) {
        Ok(()) => Ok(Some(Lock { file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Acquires the lock of an instance.
///
/// # Errors
/// Another process holds it (transient), or the lock file cannot be opened.
pub fn take(directories: &InstancePaths, instance: &str) -> Result<Lock, Failure> {
    try_take(directories)?.ok_or_else(|| {
        Failure::of(
            FailureKind::Transient,
            Problem::new(
                format!("another run or restore of {instance} holds the lock"),
                "wait until it has finished; `systemctl list-units 'backupservice-*'` shows it",
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
        // As in a child between fork and exec.
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        take(&directories, "x").unwrap();
        drop(inherited);
    }
}
