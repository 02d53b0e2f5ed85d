//! Owners of files, counted: what a snapshot says, and what a restore has made of it.
//!
//! Programs that restore ignore it if a file system refuses an owner, as NFS with
//! `root_squash` and vfat do. Counting finds that without keeping a list of all files.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::base::{attributes, directory};

/// How many files, directories, links and so on belong to each user and group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<(u32, u32), u64>);

impl Owners {
    /// Counts a file.
    pub fn add(&mut self, user: u32, group: u32) {
        *self.0.entry((user, group)).or_default() += 1;
    }

    /// Counts the files of `others`.
    pub fn extend(&mut self, others: &Self) {
        for (owner, count) in &others.0 {
            *self.0.entry(*owner).or_default() += count;
        }
    }

    /// Counts what is at `path` and below, which nobody else may change. Follows no link.
    ///
    /// # Errors
    /// Something cannot be looked at.
    pub fn count(&mut self, path: &Path) -> io::Result<()> {
        let status = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
        self.add(status.st_uid, status.st_gid);
        if is_directory(&status) {
            self.count_in(directory::open(path)?)?;
        }
        Ok(())
    }

    fn count_in(&mut self, directory: OwnedFd) -> io::Result<()> {
        let mut entries = Dir::new(directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if [&b"."[..], b".."].contains(&name.to_bytes()) {
                continue;
            }
            let here = entries.fd()?;
            let status = rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW)?;
            self.add(status.st_uid, status.st_gid);
            if is_directory(&status) {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                self.count_in(rustix::fs::openat(here, name, flags, Mode::empty())?)?;
            }
        }
        Ok(())
    }

    /// How many there are, and how many of them `found` lacks.
    #[must_use]
    pub fn lacking(&self, found: &Self) -> (u64, u64) {
        let there = |owner| found.0.get(owner).copied().unwrap_or(0);
        let lacking = self.0.iter();
        let lacking = lacking.map(|(owner, count)| count.saturating_sub(there(owner)));
        (self.0.values().sum(), lacking.sum())
    }

    /// An owner that the file system refuses, tried with the empty directory `probe`, which is
    /// made and removed. The directory that holds it keeps its times.
    ///
    /// # Errors
    /// The directory cannot be made, or does not belong to its maker.
    pub fn refused_at(&self, probe: &Path) -> io::Result<Option<(u32, u32)>> {
        let parent = directory::open(probe.parent().unwrap_or(Path::new("/")))?;
        let times = attributes::times(&parent)?;
        // A killed process may have left it.
        match directory::remove_empty(probe) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let made = directory::make(probe, 0o700)?;
        let refused = self
            .0
            .keys()
            .find_map(|owner| match refuses(&made, *owner) {
                Ok(false) => None,
                Ok(true) => Some(Ok(*owner)),
                Err(error) => Some(Err(error)),
            });
        directory::remove_empty(probe)?;
        // Whoever may write into a directory of somebody else may not always set its times.
        match rustix::fs::futimens(&parent, &times) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        refused.transpose()
    }
}

fn refuses(directory: impl AsFd, owner: (u32, u32)) -> io::Result<bool> {
    let (user, group) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    match rustix::fs::fchown(&directory, Some(user), Some(group)) {
        Ok(()) => {}
        // Not the caller's to give, or not known in this user namespace.
        Err(Errno::PERM | Errno::INVAL | Errno::OVERFLOW) => return Ok(true),
        Err(error) => return Err(error.into()),
    }
    let status = rustix::fs::fstat(&directory)?;
    Ok((status.st_uid, status.st_gid) != owner)
}

fn is_directory(status: &Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::Directory
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn all_that_is_below_a_directory_is_counted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/file"), "").unwrap();
        symlink("/", path.join("a/link")).unwrap();
        let own = path.metadata().unwrap();
        let mut expected = Owners::default();
        for _ in 0..4 {
            expected.add(own.uid(), own.gid());
        }
        let mut found = Owners::default();
        found.count(&path.join("a")).unwrap();
        assert_eq!(found, expected);
        expected.add(4711, 4712);
        expected.add(own.uid(), own.gid());
        assert_eq!(expected.lacking(&found), (6, 2));
        assert_eq!(found.lacking(&expected), (4, 0));
    }

    #[test]
    fn a_probe_leaves_nothing_and_finds_what_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        let probe = path.join("probe");
        fs::create_dir(&probe).unwrap();
        let before = path.metadata().unwrap().modified().unwrap();
        let mut owners = Owners::default();
        let own = path.metadata().unwrap();
        owners.add(own.uid(), own.gid());
        assert_eq!(owners.refused_at(&probe).unwrap(), None);
        // Nobody may own anything by this number.
        owners.add(u32::MAX - 1, own.gid());
        let refused = owners.refused_at(&probe).unwrap();
        if !rustix::process::geteuid().is_root() {
            assert_eq!(refused, Some((u32::MAX - 1, own.gid())));
        }
        assert!(!probe.exists());
        assert_eq!(path.metadata().unwrap().modified().unwrap(), before);
    }
}
