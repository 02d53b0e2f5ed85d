//! Locks between processes: one piece of work on an instance, one making of a repository.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use anyhow::Context;
use rustix::fs::FlockOperation;

use crate::cancel::Cancel;
use crate::outcome::{Failure, Kind};
use crate::paths::Instance;
use crate::problem::Problem;
use crate::process::TICK;

/// Held until dropped. The kernel drops it with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: OwnedFd,
}

/// Takes the lock of an instance; none if another process has it.
///
/// # Errors
/// The lock file cannot be opened.
pub fn try_take(directories: &Instance) -> anyhow::Result<Option<Lock>> {
    let path = directories.lock();
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    let file = OwnedFd::from(file);
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Takes the lock of an instance.
///
/// # Errors
/// Another process has it, which may pass, or the lock file cannot be opened.
pub fn take(directories: &Instance, instance: &str) -> Result<Lock, Failure> {
    try_take(directories)?.ok_or_else(|| {
        Failure::of(
            Kind::Passing,
            Problem::new(
                format!("another run, restore or maintenance of {instance} holds the lock"),
                "wait for its end: `systemctl list-units 'backupservice-*'` shows what runs",
            ),
        )
    })
}

/// Waits for the lock of a directory that instances share.
///
/// # Errors
/// A stop was asked for, or the directory cannot be locked.
pub fn wait_for_directory(directory: &Path, cancel: &Cancel) -> Result<Lock, Failure> {
    let locking = || format!("cannot lock {}", directory.display());
    let file = OwnedFd::from(File::open(directory).with_context(locking)?);
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) if cancel.requested() => {
                return Err(Failure::cancelled("init"));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(TICK),
            Err(error) => return Err(anyhow::Error::from(error).context(locking()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Host;

    #[test]
    fn the_second_has_to_wait_for_the_first() {
        let root = tempfile::tempdir().unwrap();
        let directories = Host::new(root.path()).instance("x");
        std::fs::create_dir_all(&directories.runtime).unwrap();
        let first = take(&directories, "x").unwrap();
        let refused = take(&directories, "x").unwrap_err();
        assert_eq!(refused.kind, Kind::Passing);
        assert!(refused.problem.message.contains("of x holds the lock"));
        drop(first);
        take(&directories, "x").unwrap();
    }

    #[test]
    fn waiting_for_a_directory_ends_with_its_lock_or_with_a_cancel_request() {
        let root = tempfile::tempdir().unwrap();
        let first = wait_for_directory(root.path(), &Cancel::never()).unwrap();
        let cancel = Cancel::default();
        cancel.request();
        let refused = wait_for_directory(root.path(), &cancel).unwrap_err();
        assert_eq!(refused.kind, Kind::Cancelled);
        thread::scope(|scope| {
            let second = scope.spawn(|| wait_for_directory(root.path(), &Cancel::never()).is_ok());
            thread::sleep(2 * TICK);
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
