//! What is mounted where, as the kernel tells it in `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// Whether something is mounted exactly there.
///
/// # Errors
/// The kernel does not tell.
pub(super) fn is_mounted(mount_point: &Path) -> Result<bool, Problem> {
    // Looking inside makes an automount happen; whether it did is seen below.
    let _ = std::fs::metadata(mount_point.join("."));
    let table = std::fs::read("/proc/self/mountinfo").map_err(|error| {
        Problem::new(
            format!(
                "cannot read /proc/self/mountinfo to look for {}: {error}",
                mount_point.display()
            ),
            "Mount /proc, or unset repository.mountPoint",
        )
    })?;
    Ok(mount_points(&table).any(|mounted| mounted == mount_point))
}

/// The mount points in a `mountinfo`, without automounts that wait to be used.
fn mount_points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    table.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let mount_point = fields.nth(4)?;
        let file_system = fields.skip_while(|field| *field != b"-").nth(1)?;
        (file_system != b"autofs").then(|| unescape(mount_point))
    })
}

/// Space, tab, newline and backslash are written as `\040` and so on.
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
";

    #[test]
    fn mount_points_are_read_without_waiting_automounts() {
        let found: Vec<_> = mount_points(TABLE.as_bytes()).collect();
        let expected = ["/", "/mnt/back up\\disk", "/mnt/used"].map(PathBuf::from);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_root_is_mounted_and_a_new_directory_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(is_mounted(Path::new("/")), Ok(true));
        assert_eq!(is_mounted(directory.path()), Ok(false));
    }

    proptest! {
        #[test]
        fn what_the_kernel_escapes_is_read_back(name in "[ -~\t\n]{0,20}") {
            let escaped = name.replace('\\', "\\134").replace(' ', "\\040")
                .replace('\t', "\\011").replace('\n', "\\012");
            let read = unescape(escaped.as_bytes());
            prop_assert_eq!(read.as_os_str().as_bytes(), name.as_bytes());
        }
    }
}
