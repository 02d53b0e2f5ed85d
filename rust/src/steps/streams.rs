//! Dumps and loads of streams, by way of the staging directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::plan::Stream;
use crate::systemd::units::Units;

/// Creates the directory, empty and with mode 0700.
///
/// # Errors
/// If it cannot be created.
pub fn make(directory: &Path) -> anyhow::Result<()> {
    let creating = || {
        format!(
            "cannot create the staging directory {}",
            directory.display()
        )
    };
    empty(directory).with_context(creating)?;
    fs::create_dir_all(directory).with_context(creating)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).with_context(creating)
}

/// Removes everything in the directory, if it exists.
///
/// # Errors
/// If something cannot be removed.
pub fn empty(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Dumps one stream into the directory.
///
/// # Errors
/// If the dump fails or is empty.
pub fn dump(
    stream: &Stream,
    directory: &Path,
    units: &dyn Units,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let what = format!("the dump of the stream {:?}", stream.name);
    let result = units.start_and_wait(&stream.dump_unit, cancel)?;
    result.check(&what, &stream.dump_unit)?;
    let file = directory.join(&stream.name);
    let size = fs::metadata(&file).map_or(0, |metadata| metadata.len());
    if size == 0 {
        return Err(Failure::new(
            format!("{what} ({}) succeeded but is empty", stream.dump_unit),
            format!(
                "check what streams.{}.dump writes to standard output",
                stream.name
            ),
        ));
    }
    Ok(())
}

/// Loads one stream from the directory.
///
/// # Errors
/// If the load fails.
pub fn load(name: &str, unit: &str, units: &dyn Units, cancel: &Cancel) -> Result<(), Failure> {
    let what = format!("loading the stream {name:?}");
    let result = units.start_and_wait(unit, cancel)?;
    result.check(&what, unit)
}
