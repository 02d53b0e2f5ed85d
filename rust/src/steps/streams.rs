//! Dumps and loads of streams, by way of the staging directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::untrusted;
use crate::plan::Stream;
use crate::systemd::units::Units;

/// Empties the files of `streams` in the directory. Both exist beforehand: the directory
/// belongs to root, so that what systemd opens there as root is what it seems to be.
///
/// # Errors
/// If a file is missing or cannot be opened.
pub fn prepare(directory: &Path, streams: &[Stream]) -> Result<(), Failure> {
    for stream in streams {
        let file = directory.join(&stream.name);
        truncate(&file).map_err(|error| {
            Failure::new(
                format!("cannot empty the staged file {}: {error}", file.display()),
                "create it anew with `systemd-tmpfiles --create`",
            )
        })?;
    }
    Ok(())
}

/// Empties every file in the directory, if it exists.
///
/// # Errors
/// If something in it cannot be emptied.
pub fn empty(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        truncate(&entry?.path())?;
    }
    Ok(())
}

fn truncate(file: &Path) -> io::Result<()> {
    untrusted::open_for_writing(file)?.set_len(0)
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

/// Loads one stream from the directory of restored dumps.
///
/// # Errors
/// If the load fails.
pub fn load(name: &str, unit: &str, units: &dyn Units, cancel: &Cancel) -> Result<(), Failure> {
    let what = format!("loading the stream {name:?}");
    let result = units.start_and_wait(unit, cancel)?;
    result.check(&what, unit)
}
