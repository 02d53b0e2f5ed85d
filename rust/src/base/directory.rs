//! Work in directories that others may change: everything goes by descriptors, and no link
//! is followed.
//!
//! Paths are real paths, as [`crate::base::real_path`] finds them. If somebody has made a
//! component a link meanwhile, that is an error.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

/// Opens a directory, one component after the other: sandboxes that forbid setuid forbid
/// `openat2`, which could do it at once.
///
/// # Errors
/// It is not there, a component of its path is a link, or whatever else the kernel says.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open_in = |above: BorrowedFd<'_>, name: &OsStr, last: bool| {
        let access = if last { OFlags::RDONLY } else { OFlags::PATH };
        rustix::fs::openat(above, name, flags | access, Mode::empty())
    };
    let mut names = path.components().peekable();
    if names.next() != Some(Component::RootDir) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut here = open_in(CWD, OsStr::new("/"), names.peek().is_none())?;
    while let Some(name) = names.next() {
        let Component::Normal(name) = name else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        here = open_in(here.as_fd(), name, names.peek().is_none())?;
    }
    Ok(here)
}

/// Whether there is something at a path, a link included.
///
/// # Errors
/// Its directory cannot be opened, for another reason than being absent.
pub fn is_there(path: &Path) -> io::Result<bool> {
    let status = parent(path)
        .and_then(|(above, name)| Ok(rustix::fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?));
    match status {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names in a directory.
///
/// # Errors
/// It cannot be opened or read.
pub fn names(path: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(open(path)?)? {
        let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Makes a directory with exactly this mode, which belongs to the own user, and opens it.
///
/// # Errors
/// There is something already, or whatever else the kernel says.
pub fn make(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let (above, name) = parent(path)?;
    make_in(&above, name, mode)
}

/// The same, in a directory that is open.
///
/// # Errors
/// There is something already, or whatever else the kernel says.
pub fn make_in(above: impl AsFd, name: &OsStr, mode: u32) -> io::Result<OwnedFd> {
    rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o700))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let new = rustix::fs::openat(&above, name, flags, Mode::empty())?;
    // Whoever may change names here can have put another directory in its place.
    if rustix::fs::fstat(&new)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(
            "it does not belong to us: its file system has no owners, or somebody else has put another directory in its place",
        ));
    }
    rustix::fs::fchmod(&new, Mode::from_raw_mode(mode))?;
    Ok(new)
}

/// Gives a directory another owner; without the right to, it stays with the own user.
///
/// # Errors
/// Whatever the kernel says besides that it is not permitted.
pub fn hand_over(directory: impl AsFd, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    match rustix::fs::fchown(directory, Some(uid), Some(gid)) {
        Err(Errno::PERM) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Renames durably, never onto something that is there already.
///
/// # Errors
/// There is something, or whatever else the kernel says.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let (from_directory, from_name) = parent(from)?;
    let (to_directory, to_name) = parent(to)?;
    let flags = RenameFlags::NOREPLACE;
    let renamed =
        rustix::fs::renameat_with(&from_directory, from_name, &to_directory, to_name, flags);
    match renamed {
        // Not every file system can, such as NFS: then nobody guards the moment between.
        Err(Errno::INVAL | Errno::NOSYS) if !is_there(to)? => {
            rustix::fs::renameat(&from_directory, from_name, &to_directory, to_name)?;
        }
        renamed => renamed?,
    }
    rustix::fs::fsync(&from_directory)?;
    Ok(rustix::fs::fsync(&to_directory)?)
}

/// Removes a directory with all that it holds; one that is not there is as good as removed.
///
/// # Errors
/// Not all of it was removed.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let removed = parent(path).and_then(|(above, name)| {
        let here = Path::new("/proc/self/fd").join(above.as_raw_fd().to_string());
        std::fs::remove_dir_all(here.join(name))
    });
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory if it is empty.
///
/// # Errors
/// It is not empty, or whatever else the kernel says.
pub fn remove_empty(path: &Path) -> io::Result<()> {
    let (above, name) = parent(path)?;
    Ok(rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR)?)
}

/// The directory of a path, opened, and the last component.
fn parent(path: &Path) -> io::Result<(OwnedFd, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((open(parent)?, name)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (real, link) = (root.join("real"), root.join("link"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("file"), "content").unwrap();
        symlink("real", &link).unwrap();
        rename(&link.join("file"), &root.join("file")).unwrap_err();
        rename(&real.join("file"), &link.join("other")).unwrap_err();
        make(&link.join("new"), 0o700).unwrap_err();
        remove_all(&link.join("file")).unwrap_err();
        names(&link).unwrap_err();
        is_there(&link.join("file")).unwrap_err();
        assert_eq!(names(&real).unwrap(), ["file"]);
    }

    #[test]
    fn nothing_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (old, new) = (root.join("old"), root.join("new"));
        make(&old, 0o751).unwrap();
        let mode = fs::metadata(&old).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o751);
        make(&old, 0o700).unwrap_err();
        make(&new, 0o700).unwrap();
        rename(&old, &new).unwrap_err();
        remove_empty(&new).unwrap();
        rename(&old, &new).unwrap();
        assert!(is_there(&new).unwrap() && !is_there(&old).unwrap());
        assert!(!is_there(&root.join("none/x")).unwrap());
        remove_all(&new).unwrap();
        remove_all(&new).unwrap();
    }
}
