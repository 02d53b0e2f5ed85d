//! Owner, mode, ACLs and extended attributes of directories, by descriptor.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};

/// Namespaces that programs and users set. The others belong to the kernel.
const KEPT: [&[u8]; 2] = [b"user.", b"system.posix_acl_"];

/// Gives `to` the owner, mode, ACLs and extended attributes of `from`.
///
/// # Errors
/// Whatever the kernel says; `to` may have some of them then.
pub fn copy(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    let status = rustix::fs::fstat(&from)?;
    let now = rustix::fs::fstat(&to)?;
    if (status.st_uid, status.st_gid) != (now.st_uid, now.st_gid) {
        let (uid, gid) = (Uid::from_raw(status.st_uid), Gid::from_raw(status.st_gid));
        rustix::fs::fchown(&to, Some(uid), Some(gid))?;
    }
    let wanted = attributes(&from)?;
    for (name, _) in attributes(&to)? {
        if !wanted.iter().any(|(other, _)| *other == name) {
            rustix::fs::fremovexattr(&to, OsStr::from_bytes(&name))?;
        }
    }
    for (name, value) in &wanted {
        rustix::fs::fsetxattr(&to, OsStr::from_bytes(name), value, XattrFlags::empty())?;
    }
    // Last: another owner takes setgid away.
    Ok(rustix::fs::fchmod(
        &to,
        Mode::from_raw_mode(status.st_mode),
    )?)
}

/// When a directory was read and changed last.
///
/// # Errors
/// Whatever the kernel says.
pub fn times(of: impl AsFd) -> io::Result<Timestamps> {
    let status = rustix::fs::fstat(of)?;
    Ok(Timestamps {
        last_access: Timespec {
            tv_sec: status.st_atime,
            tv_nsec: status.st_atime_nsec.try_into().unwrap_or(0),
        },
        last_modification: Timespec {
            tv_sec: status.st_mtime,
            tv_nsec: status.st_mtime_nsec.try_into().unwrap_or(0),
        },
    })
}

type Attribute = (Vec<u8>, Vec<u8>);

fn attributes(of: impl AsFd) -> io::Result<Vec<Attribute>> {
    let mut list = Vec::with_capacity(64 << 10);
    match rustix::fs::flistxattr(&of, rustix::buffer::spare_capacity(&mut list)) {
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(Vec::new()),
        listed => listed?,
    };
    let kept = |name: &&[u8]| KEPT.iter().any(|start| name.starts_with(start));
    list.split(|byte| *byte == 0)
        .filter(kept)
        .map(|name| {
            let mut value = Vec::with_capacity(64 << 10);
            let into = rustix::buffer::spare_capacity(&mut value);
            rustix::fs::fgetxattr(&of, OsStr::from_bytes(name), into)?;
            Ok((name.to_vec(), value))
        })
        .collect()
}
