//! Files that another identity may have written, or whose names it may have replaced.
//!
//! A unit that runs as `backupservice` may be taken over. Units with more rights open its files
//! with these functions alone: no link is followed in the last component, nothing but a
//! regular file is opened, and nothing larger than expected is read.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// If it is a link, no regular file or larger, or cannot be read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path, OpenOptions::new().read(true))?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(refused(&format!("it is larger than {limit} bytes")));
    }
    Ok(content)
}

/// Opens a regular file for reading and writing, without truncating it; creates it with mode
/// 0600 if it does not exist.
///
/// # Errors
/// If it is a link or no regular file, or cannot be opened.
pub fn open_for_writing(path: &Path) -> io::Result<File> {
    open(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .mode(0o600),
    )
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Opening a FIFO must not wait for its other end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let opened = options.custom_flags(flags.cast_signed()).open(path);
    let file = opened.map_err(|error| {
        if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            refused("it is a symbolic link")
        } else {
            error
        }
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(refused("it is not a regular file"))
    }
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_nothing_but_a_small_regular_file() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::write(path("file"), "1234").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("new"), path("dangling")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();

        assert_eq!(read(&path("file"), 4).unwrap(), b"1234");
        let refusal = |name: &str, limit| read(&path(name), limit).unwrap_err().to_string();
        assert_eq!(refusal("file", 3), "it is larger than 3 bytes");
        assert_eq!(refusal("link", 4), "it is a symbolic link");
        assert_eq!(refusal("fifo", 4), "it is not a regular file");
        assert_eq!(
            read(&path("none"), 4).unwrap_err().kind(),
            ErrorKind::NotFound
        );

        for name in ["link", "dangling", "fifo", "."] {
            assert!(open_for_writing(&path(name)).is_err(), "{name}");
        }
        assert!(!path("new").exists());
        drop(open_for_writing(&path("file")).unwrap());
        assert_eq!(std::fs::read(path("file")).unwrap(), b"1234");
    }
}
