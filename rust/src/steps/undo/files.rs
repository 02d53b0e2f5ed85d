//! Rolling back and removing files of an interrupted restore.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::base::paths::sync_parent;
use crate::base::problem::Problem;

/// Moves the new data in `to` to `fresh` and the old data in `from` back to `to`. Without
/// old data (`existed` is false), `to` is left empty. Can be repeated after any
/// interruption.
///
/// # Errors
/// If something else is in the way, or a rename fails.
pub fn roll_back(from: &Path, to: &Path, fresh: &Path, existed: bool) -> Result<(), Problem> {
    exchange(from, to, fresh, existed)?;
    // The safety copy of a mount point has a directory of its own.
    if from.parent() != to.parent()
        && let Some(emptied) = from.parent()
        && let Err(error) = fs::remove_dir(emptied)
    {
        log::debug!("{} stays: {error}", emptied.display());
    }
    Ok(())
}

fn exchange(from: &Path, to: &Path, fresh: &Path, existed: bool) -> Result<(), Problem> {
    match (is_there(from), is_there(to)) {
        // Not swapped yet.
        (false, true) if existed => return Ok(()),
        (false, false) if existed => {
            return Err(Problem::new(
                format!(
                    "neither {} nor the old data in {} is there",
                    to.display(),
                    from.display()
                ),
                "mount its file system, and look for it there",
            ));
        }
        (_, true) if is_there(fresh) => {
            // Somebody else's: the new data was not moved yet.
            return if existed {
                Err(Problem::new(
                    format!(
                        "the old data of {} is still in {}, since something else is in its place",
                        to.display(),
                        from.display()
                    ),
                    "find out what made it, and choose which of the two is to stay",
                ))
            } else {
                Ok(())
            };
        }
        (_, true) => rename(to, fresh).map_err(|error| {
            Problem::new(
                format!("cannot move the new data out of {}: {error}", to.display()),
                format!("the old data, if there was any, is in {}", from.display()),
            )
        })?,
        (_, false) => {}
    }
    if !existed {
        return Ok(());
    }
    rename(from, to).map_err(|error| {
        Problem::new(
            format!(
                "the old data of {} is still in {}: {error}",
                to.display(),
                from.display()
            ),
            format!("mv {} {}", from.display(), to.display()),
        )
    })
}

/// Removes an unfinished directory, if it exists.
///
/// # Errors
/// If something in it cannot be removed.
pub fn remove(path: &Path) -> Result<(), Problem> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Problem::new(
            format!("cannot remove the unfinished {}: {error}", path.display()),
            "remove it by hand",
        )),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(from)?;
    sync_parent(to)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content of each place before, and after a roll-back.
    fn after(places: [Option<&str>; 3], existed: bool) -> ([Option<String>; 3], bool) {
        let root = tempfile::tempdir().unwrap();
        let paths = ["from", "to", "fresh"].map(|name| root.path().join(name));
        for (path, content) in paths.iter().zip(places) {
            if let Some(content) = content {
                fs::write(path, content).unwrap();
            }
        }
        let done = roll_back(&paths[0], &paths[1], &paths[2], existed).is_ok();
        (paths.map(|path| fs::read_to_string(path).ok()), done)
    }

    fn found(places: [Option<&str>; 3], done: bool) -> ([Option<String>; 3], bool) {
        (places.map(|place| place.map(str::to_owned)), done)
    }

    #[test]
    fn rolls_back_wherever_a_swap_was_interrupted() {
        let (old, new) = (Some("old"), Some("new"));
        let rolled_back = found([None, old, new], true);
        assert_eq!(after([None, old, new], true), rolled_back);
        assert_eq!(after([old, None, new], true), rolled_back);
        assert_eq!(after([old, new, None], true), rolled_back);
    }

    #[test]
    fn leaves_nothing_where_nothing_was() {
        let new = Some("new");
        assert_eq!(
            after([None, new, None], false),
            found([None, None, new], true)
        );
        assert_eq!(
            after([None, None, new], false),
            found([None, None, new], true)
        );
    }

    #[test]
    fn keeps_what_somebody_else_created_meanwhile() {
        let (old, new, other) = (Some("old"), Some("new"), Some("other"));
        assert_eq!(
            after([old, other, new], true),
            found([old, other, new], false)
        );
        assert_eq!(
            after([None, other, new], false),
            found([None, other, new], true)
        );
        assert_eq!(after([None; 3], true), found([None; 3], false));
    }
}
