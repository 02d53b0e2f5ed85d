//! Putting files back as they were.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::base::paths::sync_parent;
use crate::base::problem::Problem;

/// Puts old data back to its place `to`, from `from`, and what has taken its place back to
/// `fresh`; where there was none before, there is none again. However often it is
/// interrupted, it can be done again.
pub fn put_back(from: &Path, to: &Path, fresh: &Path, existed: bool) -> Result<(), Problem> {
    exchange(from, to, fresh, existed)?;
    // What is put aside from a mount point has a directory of its own for it.
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
        // Nothing was changed yet.
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
            // Not ours: the new data is still where it was.
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
                format!(
                    "the new data in {} cannot be taken away: {error}",
                    to.display()
                ),
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

/// Removes an unfinished directory.
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

    /// What is at each place, and what is there after putting back.
    fn after(places: [Option<&str>; 3], existed: bool) -> ([Option<String>; 3], bool) {
        let root = tempfile::tempdir().unwrap();
        let paths = ["from", "to", "fresh"].map(|name| root.path().join(name));
        for (path, content) in paths.iter().zip(places) {
            if let Some(content) = content {
                fs::write(path, content).unwrap();
            }
        }
        let done = put_back(&paths[0], &paths[1], &paths[2], existed).is_ok();
        (paths.map(|path| fs::read_to_string(path).ok()), done)
    }

    fn found(places: [Option<&str>; 3], done: bool) -> ([Option<String>; 3], bool) {
        (places.map(|place| place.map(str::to_owned)), done)
    }

    #[test]
    fn wherever_a_swap_was_interrupted_the_old_data_is_in_its_place() {
        let (old, new) = (Some("old"), Some("new"));
        let put_back = found([None, old, new], true);
        assert_eq!(after([None, old, new], true), put_back);
        assert_eq!(after([old, None, new], true), put_back);
        assert_eq!(after([old, new, None], true), put_back);
    }

    #[test]
    fn where_nothing_was_there_is_nothing() {
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
    fn what_somebody_else_made_meanwhile_stays() {
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
