//! Real paths, found without trusting those who may change names on the way.
//!
//! In a directory that somebody else may write to, a name can become a link, or another
//! directory, between any two looks at it. [`resolve`] follows links only where nobody but
//! root and the own user can have made them, and tells how far that holds; see
//! [`crate::base::directory`] for how to work where it does not.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use super::problem::Problem;

/// As many links the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// Treatment of a path that names a link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLink {
    /// The path is that of the link's target.
    Follow,
    /// The path is that of the link.
    Keep,
}

/// A path without links, as far as it exists.
#[derive(Debug)]
pub struct RealPath {
    /// The path.
    pub path: PathBuf,
    /// The directories above it that exist, outermost first: at least `/`.
    pub above: Vec<Directory>,
    /// Whether the path itself exists.
    pub exists: bool,
    /// Whether something is mounted at the path itself.
    pub is_mount_point: bool,
}

/// A directory on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its real path.
    pub path: PathBuf,
    /// Its owner's uid.
    pub owner: u32,
    /// Only root and the own user can change what its path means.
    pub path_trusted: bool,
    /// Only root and the own user can rename or replace what they have made in it; others
    /// may still be able to add names if it is [`Self::shared`].
    pub trusted: bool,
    /// Others may add names.
    pub shared: bool,
    /// Id of the mount: files can be renamed between directories with the same one.
    pub file_system: FileSystem,
}

/// Device numbers and the number of the mount.
pub type FileSystem = (u32, u32, u64);

impl RealPath {
    /// The innermost directory above the path that exists.
    ///
    /// # Errors
    /// There is none: the path is `/`.
    pub fn nearest(&self) -> Result<&Directory, Problem> {
        self.above.last().ok_or_else(|| {
            Problem::new(
                "/ is not below any directory",
                "name a directory or file below it",
            )
        })
    }
}

impl Directory {
    fn new(path: PathBuf, status: &Statx, entry_trusted: bool) -> Self {
        let mode = u32::from(status.stx_mode);
        // Also where the group is root's: an ACL may give its rights to somebody else.
        let shared = mode & 0o022 != 0;
        let sticky = mode & 0o1000 != 0;
        Self {
            path,
            owner: status.stx_uid,
            path_trusted: entry_trusted,
            trusted: entry_trusted && is_trusted(status.stx_uid) && (!shared || sticky),
            shared,
            file_system: (
                status.stx_dev_major,
                status.stx_dev_minor,
                status.stx_mnt_id,
            ),
        }
    }

    /// Nobody else can have made this entry of it, or can replace it.
    fn entry_trusted(&self, entry: &Statx) -> bool {
        self.trusted && (!self.shared || is_trusted(entry.stx_uid))
    }
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Finds the real path of the absolute `path`, of which the end may not exist.
///
/// # Errors
/// A link on the way is in a directory that others can change; something on the way is no
/// directory, or cannot be looked at.
pub fn resolve(path: &Path, last: LastLink) -> Result<RealPath, Problem> {
    let mut left: VecDeque<OsString> = names(path).collect();
    let failed = |place: &Path, error: Errno| {
        Problem::new(
            format!("cannot look at {}: {error}", place.display()),
            "check its file system and permissions",
        )
    };
    let root = PathBuf::from("/");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::openat(CWD, "/", flags, Mode::empty());
    let fd = open.map_err(|error| failed(&root, error))?;
    let mut status = own_status(&fd).map_err(|error| failed(&root, error))?;
    let mut above: Vec<(OwnedFd, Directory)> = Vec::new();
    above.push((fd, Directory::new(root, &status, true)));
    let mut links = 0;

    while let Some(name) = left.pop_front() {
        let Some((fd, here)) = above.last() else {
            break;
        };
        if name == ".." {
            if above.len() > 1 {
                above.pop();
            }
            continue;
        }
        let place = here.path.join(&name);
        status = match status_of(fd, &name) {
            Err(Errno::NOENT) => {
                let path = left.iter().fold(place, |path, name| path.join(name));
                return Ok(found(path, above, None));
            }
            status => status.map_err(|error| failed(&place, error))?,
        };
        let kind = FileType::from_raw_mode(status.stx_mode.into());
        let entry_trusted = here.entry_trusted(&status);
        if kind.is_symlink() && (!left.is_empty() || last == LastLink::Follow) {
            if !entry_trusted {
                return Err(Problem::new(
                    format!(
                        "{} is a link in a directory that others can change: it may lead anywhere",
                        place.display()
                    ),
                    "name the directory that is meant by its real path",
                ));
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(failed(&place, Errno::LOOP));
            }
            let target = rustix::fs::readlinkat(fd, &name, Vec::new());
            let target = target.map_err(|error| failed(&place, error))?;
            let target = Path::new(OsStr::from_bytes(target.as_bytes())).to_owned();
            if target.is_absolute() {
                above.truncate(1);
            }
            for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(name);
            }
            continue;
        }
        if left.is_empty() {
            return Ok(found(place, above, Some(&status)));
        }
        if !kind.is_dir() {
            return Err(Problem::new(
                format!("{} is not a directory", place.display()),
                "remove or rename it, or name another path",
            ));
        }
        let inner = rustix::fs::openat(fd, &name, flags, Mode::empty());
        let inner = inner.map_err(|error| failed(&place, error))?;
        status = own_status(&inner).map_err(|error| failed(&place, error))?;
        let directory = Directory::new(place, &status, entry_trusted);
        above.push((inner, directory));
    }
    // The path is /, or that of a link that ends with `..`.
    let path = above
        .pop()
        .map_or_else(|| "/".into(), |(_, directory)| directory.path);
    Ok(found(path, above, Some(&status)))
}

fn found(path: PathBuf, above: Vec<(OwnedFd, Directory)>, status: Option<&Statx>) -> RealPath {
    RealPath {
        path,
        above: above.into_iter().map(|(_, directory)| directory).collect(),
        exists: status.is_some(),
        is_mount_point: status
            .is_some_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
    }
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

fn status_of(directory: impl AsFd, name: &OsStr) -> rustix::io::Result<Statx> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    rustix::fs::statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, wanted)
}

fn own_status(directory: impl AsFd) -> rustix::io::Result<Statx> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    rustix::fs::statx(directory, "", AtFlags::EMPTY_PATH, wanted)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn root() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        (root, path)
    }

    #[test]
    fn links_of_our_own_are_followed_and_those_of_others_are_not() {
        let (_kept, root) = root();
        fs::create_dir_all(root.join("private/x/sub")).unwrap();
        symlink("private/x", root.join("x")).unwrap();
        symlink("elsewhere", root.join("private/x/link")).unwrap();
        let real = |path: &str, last| resolve(&root.join(path), last).unwrap().path;
        assert_eq!(real("x", LastLink::Follow), root.join("private/x"));
        assert_eq!(real("x", LastLink::Keep), root.join("x"));
        assert_eq!(real("x/link", LastLink::Keep), root.join("private/x/link"));
        assert_eq!(
            real("x/../none/y", LastLink::Keep),
            root.join("private/none/y")
        );
        fs::remove_dir_all(root.join("private/x")).unwrap();
        assert_eq!(real("x", LastLink::Follow), root.join("private/x"));

        fs::set_permissions(&root, Permissions::from_mode(0o777)).unwrap();
        let problem = resolve(&root.join("x"), LastLink::Follow).unwrap_err();
        assert!(problem.message.contains("/x is a link in"), "{problem}");
        assert_eq!(real("x", LastLink::Keep), root.join("x"));
    }

    #[test]
    fn what_others_can_change_is_told() {
        let (_kept, root) = root();
        fs::create_dir_all(root.join("open/own")).unwrap();
        fs::create_dir_all(root.join("sticky/own")).unwrap();
        fs::set_permissions(root.join("open"), Permissions::from_mode(0o775)).unwrap();
        fs::set_permissions(root.join("sticky"), Permissions::from_mode(0o1777)).unwrap();
        let trusted = |path: &str| {
            let real = resolve(&root.join(path), LastLink::Keep).unwrap();
            let nearest = real.nearest().unwrap();
            (nearest.path_trusted, nearest.trusted, nearest.shared)
        };
        assert_eq!(trusted("x"), (true, true, false));
        assert_eq!(trusted("open/x"), (true, false, true));
        assert_eq!(trusted("open/own/x"), (false, false, false));
        assert_eq!(trusted("sticky/x"), (true, true, true));
        assert_eq!(trusted("sticky/own/x"), (true, true, false));
    }

    #[test]
    fn an_acl_may_let_others_write_where_the_group_of_root_may() {
        let (_kept, root) = root();
        let fd = crate::base::directory::open(&root).unwrap();
        let mut status = own_status(&fd).unwrap();
        // The mode says the most that any entry of an ACL allows.
        (status.stx_uid, status.stx_gid, status.stx_mode) = (0, 0, 0o40775);
        let directory = Directory::new(root.clone(), &status, true);
        assert!(directory.shared && !directory.trusted);
        status.stx_mode = 0o40755;
        assert!(Directory::new(root, &status, true).trusted);
    }

    #[test]
    fn a_mount_point_and_a_loop_are_known() {
        assert!(
            resolve(Path::new("/proc"), LastLink::Keep)
                .unwrap()
                .is_mount_point
        );
        assert!(
            !resolve(Path::new("/usr"), LastLink::Keep)
                .unwrap()
                .is_mount_point
        );
        let (_kept, root) = root();
        symlink("loop", root.join("loop")).unwrap();
        resolve(&root.join("loop/x"), LastLink::Keep).unwrap_err();
        fs::write(root.join("file"), "").unwrap();
        resolve(&root.join("file/x"), LastLink::Keep).unwrap_err();
    }
}
