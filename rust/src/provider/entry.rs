//! Content of snapshots, in a form that all providers have in common.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::Failure;

/// A file, directory or the like in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Absolute path, as [`lossy`] turns it into text.
    pub path: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Type and permissions, as `ls -l` shows them.
    pub mode: String,
    /// Number of its user.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Size of a file in bytes; none for anything else, and where the provider keeps it with
    /// another name of the file.
    pub size: Option<u64>,
    /// Time of the last change of its content, UTC.
    pub modified: Option<Timestamp>,
    /// The path with which the provider keeps its content, if it is a hard link to that.
    #[serde(skip)]
    pub stored_as: Option<PathBuf>,
}

/// Type of an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// FIFO.
    Fifo,
    /// Socket.
    Socket,
    /// Block device.
    BlockDevice,
    /// Character device.
    CharacterDevice,
    /// Anything else.
    Other,
}

/// Difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Absolute path, as [`lossy`] turns it into text.
    pub path: String,
    /// Kind.
    pub change: ChangeKind,
}

/// Kind of a [`Change`]; of several, the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is only in the second snapshot.
    Added,
    /// It is only in the first snapshot.
    Removed,
    /// Its type differs.
    Retyped,
    /// Its content differs.
    Modified,
}

/// How much of a directory is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only itself.
    Itself,
    /// Itself and what is directly in it.
    Children,
    /// Itself and all below.
    All,
}

/// Receives what is read from a repository, piece by piece. An error ends the reading.
pub type Each<'a, T> = dyn FnMut(T) -> Result<(), Failure> + 'a;

/// Receives output as it comes. An error ends the reading.
pub type EachPiece<'a> = dyn FnMut(&[u8]) -> Result<(), Failure> + 'a;

impl Depth {
    /// Whether it reaches from one of the directories to `path`; both as [`lossy`].
    #[must_use]
    pub fn reaches(self, directories: &[String], path: &str) -> bool {
        directories.iter().any(|directory| {
            let below = below(directory, path).map(|rest| rest.matches('/').count());
            below.is_some_and(|levels| match self {
                Self::Itself => levels == 0,
                Self::Children => levels <= 1,
                Self::All => true,
            })
        })
    }
}

/// The rest of `path` below `directory`, with its leading `/`; empty if they are the same.
fn below<'p>(directory: &str, path: &'p str) -> Option<&'p str> {
    if directory == "/" {
        return Some(if path == "/" { "" } else { path });
    }
    let rest = path.strip_prefix(directory)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A path as text: U+FFFD for each byte that is not part of UTF-8.
#[must_use]
pub fn lossy(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

impl EntryKind {
    /// The first letter of a line of `ls -l`.
    fn letter(self) -> char {
        match self {
            Self::File => '-',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::BlockDevice => 'b',
            Self::CharacterDevice => 'c',
            Self::Other => '?',
        }
    }

    /// The type with this first letter.
    #[must_use]
    pub fn of_letter(letter: &str) -> Self {
        match letter {
            "-" => Self::File,
            "d" => Self::Directory,
            "l" => Self::Symlink,
            "p" => Self::Fifo,
            "s" => Self::Socket,
            "b" => Self::BlockDevice,
            "c" => Self::CharacterDevice,
            _ => Self::Other,
        }
    }

    /// [`Entry::mode`] of a file with the permission bits of `chmod`.
    #[must_use]
    pub fn mode(self, permissions: u32) -> String {
        let mut text = String::from(self.letter());
        for (shift, special, set, unset) in [
            (6, 0o4000, 's', 'S'),
            (3, 0o2000, 's', 'S'),
            (0, 0o1000, 't', 'T'),
        ] {
            let bits = permissions >> shift;
            text.push(if bits & 4 == 0 { '-' } else { 'r' });
            text.push(if bits & 2 == 0 { '-' } else { 'w' });
            text.push(match (permissions & special != 0, bits & 1 != 0) {
                (false, false) => '-',
                (false, true) => 'x',
                (true, false) => unset,
                (true, true) => set,
            });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn modes_look_as_in_ls() {
        for (kind, permissions, mode) in [
            (EntryKind::File, 0o644, "-rw-r--r--"),
            (EntryKind::Directory, 0o2750, "drwxr-s---"),
            (EntryKind::File, 0o4655, "-rwSr-xr-x"),
            (EntryKind::Directory, 0o1777, "drwxrwxrwt"),
            (EntryKind::Symlink, 0o777, "lrwxrwxrwx"),
        ] {
            assert_eq!(kind.mode(permissions), mode);
            assert_eq!(EntryKind::of_letter(&mode[..1]), kind);
        }
    }

    #[test]
    fn a_depth_counts_from_each_directory() {
        let directories = ["/a".to_owned(), "/b/c".to_owned()];
        for (path, itself, children, all) in [
            ("/a", true, true, true),
            ("/a/x", false, true, true),
            ("/a/x/y", false, false, true),
            ("/ab", false, false, false),
            ("/b", false, false, false),
            ("/b/c", true, true, true),
        ] {
            assert_eq!(Depth::Itself.reaches(&directories, path), itself, "{path}");
            assert_eq!(
                Depth::Children.reaches(&directories, path),
                children,
                "{path}"
            );
            assert_eq!(Depth::All.reaches(&directories, path), all, "{path}");
        }
        let root = ["/".to_owned()];
        assert!(Depth::Itself.reaches(&root, "/") && !Depth::Itself.reaches(&root, "/a"));
        assert!(Depth::Children.reaches(&root, "/a") && !Depth::Children.reaches(&root, "/a/b"));
    }

    #[test]
    fn each_byte_that_is_not_text_is_replaced() {
        let path = Path::new(OsStr::from_bytes(b"/a\xe2\x82/\xff-\xc3\xbc"));
        assert_eq!(lossy(path), "/a\u{fffd}\u{fffd}/\u{fffd}-ü");
    }
}
