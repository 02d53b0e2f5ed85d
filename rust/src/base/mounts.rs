//! Mount points, from `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::base::problem::Problem;

/// Whether a path is a mount point.
///
/// # Errors
/// `/proc/self/mountinfo` cannot be read.
pub fn is_mounted(mount_point: &Path) -> Result<bool, Problem> {
    // Looking inside makes an automount happen; whether it did is seen below.
    let _ = std::fs::metadata(mount_point.join("."));
    let table = table(mount_point)?;
    Ok(is_mounted_in(&mounts(&table), mount_point))
}

/// Where the file system is mounted that holds `path`; none if it is the root file system.
///
/// # Errors
/// `/proc/self/mountinfo` cannot be read.
pub fn above(path: &Path) -> Result<Option<PathBuf>, Problem> {
    let table = table(path)?;
    let mounts = mounts(&table);
    let above = path.ancestors().find(|above| is_mounted_in(&mounts, above));
    Ok(above
        .filter(|above| *above != Path::new("/"))
        .map(Path::to_owned))
}

/// Mount points below a directory, which renaming it would move. What shows the same with
/// and without its mount does not count.
///
/// # Errors
/// The kernel does not tell.
pub fn below(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let table = table(directory)?;
    Ok(below_in(&mounts(&table), directory))
}

/// The kernel's table, in which `path` is looked for.
fn table(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read("/proc/self/mountinfo").map_err(|error| {
        Problem::new(
            format!(
                "cannot read /proc/self/mountinfo to look for {}: {error}",
                path.display()
            ),
            "Mount /proc, so that it can be seen",
        )
    })
}

fn below_in(mounts: &[Mount], directory: &Path) -> Vec<PathBuf> {
    let points = mounts.iter().map(|mount| &mount.point);
    let below = points.filter(|point| *point != directory && point.starts_with(directory));
    let mut points: Vec<PathBuf> = below
        .filter(|point| {
            let waits = |mount: &Mount| mount.point == **point && mount.file_system == b"autofs";
            is_mounted_in(mounts, point) || mounts.iter().any(waits)
        })
        .cloned()
        .collect();
    points.sort();
    points.dedup();
    points
}

fn is_mounted_in(mounts: &[Mount], mount_point: &Path) -> bool {
    // What contains the directory itself, as a name in its parent.
    let around = mounts
        .iter()
        .filter(|mount| mount.point != mount_point && mount_point.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count());
    mounts
        .iter()
        .filter(|mount| mount.point == mount_point && mount.file_system != b"autofs")
        .any(|mount| !around.is_some_and(|around| mount.is_same_place(around)))
}

/// A line of `mountinfo`.
struct Mount<'a> {
    /// `major:minor`
    device: &'a [u8],
    /// Directory within the file system that is mounted at `point`.
    root: PathBuf,
    point: PathBuf,
    file_system: &'a [u8],
}

impl Mount<'_> {
    /// Whether a directory is mounted over itself. systemd does so for `ReadWritePaths=` and
    /// the like, which is no evidence of a mounted disk.
    fn is_same_place(&self, around: &Mount<'_>) -> bool {
        let below = self.point.strip_prefix(&around.point);
        self.device == around.device
            && below.is_ok_and(|below| around.root.join(below) == self.root)
    }
}

fn mounts(table: &[u8]) -> Vec<Mount<'_>> {
    let read = |line| {
        let mut fields = <[u8]>::split(line, |byte| *byte == b' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Mount {
            device,
            root: unescape(root),
            point: unescape(point),
            file_system: fields.skip_while(|field| *field != b"-").nth(1)?,
        })
    };
    table
        .split(|byte| *byte == b'\n')
        .filter_map(read)
        .collect()
}

/// Decodes octal escapes such as `\040` for space, tab, newline and backslash.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[4..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = r"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
90 22 8:17 / /mnt/back\040up\134disk rw master:1 propagate_from:2 - ext4 /dev/sdb1 rw
91 22 0:50 / /mnt/waiting rw - autofs systemd-1 rw,fd=50
92 22 0:50 / /mnt/used rw - autofs systemd-1 rw,fd=51
93 92 0:60 / /mnt/used rw - nfs4 server:/x rw
94 22 0:61 / /mnt/none rw
95 22 8:1 /mnt/self /mnt/self rw - ext4 /dev/sda1 rw
96 22 0:70 /@backup /mnt/sub rw - btrfs /dev/sdc1 rw
97 96 0:70 /@backup/self /mnt/sub/self rw - btrfs /dev/sdc1 rw
98 22 8:33 / /mnt/both rw - ext4 /dev/sdd1 rw
99 98 8:33 / /mnt/both rw - ext4 /dev/sdd1 rw
";

    fn found(path: &str) -> bool {
        is_mounted_in(&mounts(TABLE.as_bytes()), Path::new(path))
    }

    #[test]
    fn a_disk_is_mounted_and_what_only_looks_like_one_is_not() {
        for path in [
            "/",
            "/mnt/back up\\disk",
            "/mnt/used",
            "/mnt/sub",
            "/mnt/both",
        ] {
            assert!(found(path), "{path}");
        }
        for path in [
            "/mnt",
            "/mnt/waiting",
            "/mnt/none",
            "/mnt/used/below",
            "/mnt/self",
            "/mnt/sub/self",
        ] {
            assert!(!found(path), "{path}");
        }
    }

    #[test]
    fn what_is_mounted_below_is_found() {
        let below = |path: &str| below_in(&mounts(TABLE.as_bytes()), Path::new(path));
        assert_eq!(below("/mnt/sub"), [] as [PathBuf; 0]);
        assert_eq!(below("/mnt/waiting"), [] as [PathBuf; 0]);
        let all = ["back up\\disk", "both", "sub", "used", "waiting"];
        let all = all.map(|name| Path::new("/mnt").join(name));
        assert_eq!(below("/mnt"), all);
        assert_eq!(below("/mn"), [] as [PathBuf; 0]);
    }

    #[test]
    fn the_root_is_mounted_and_a_new_directory_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(is_mounted(Path::new("/")), Ok(true));
        assert_eq!(is_mounted(directory.path()), Ok(false));
        assert_eq!(above(Path::new("/etc")), Ok(None));
        let inside = Path::new("/proc/self");
        assert_eq!(above(inside), Ok(Some("/proc".into())));
    }

    proptest! {
        #[test]
        fn escaped_paths_are_read_back(name in "[ -~\t\n]{0,20}") {
            let escaped = name.replace('\\', "\\134").replace(' ', "\\040")
                .replace('\t', "\\011").replace('\n', "\\012");
            let read = unescape(escaped.as_bytes());
            prop_assert_eq!(read.as_os_str().as_bytes(), name.as_bytes());
        }
    }
}
