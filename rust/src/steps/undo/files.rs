//! Rolling back and removing files of an interrupted restore.
//!
//! The directories may belong to somebody else, and so may the journal's file once have
//! been: no link is followed, see [`directory`].

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::base::problem::Problem;
use crate::base::{attributes, directory};

/// The name of the note of a directory's attributes before a restore.
pub const BEFORE: &str = "before";
/// The name of the note of the attributes that it has after one.
pub const AFTER: &str = "after";

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
        && let Err(error) = directory::remove_empty(emptied)
    {
        log::debug!("{} stays: {error}", emptied.display());
    }
    Ok(())
}

fn exchange(from: &Path, to: &Path, fresh: &Path, existed: bool) -> Result<(), Problem> {
    let is_there = |path: &Path| {
        directory::is_there(path).map_err(|error| {
            Problem::new(
                format!("cannot look at {}: {error}", path.display()),
                format!("the old data, if there was any, is in {}", from.display()),
            )
        })
    };
    match (is_there(from)?, is_there(to)?) {
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
        (_, true) if is_there(fresh)? => {
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
        (_, true) => directory::rename(to, fresh).map_err(|error| {
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
    directory::rename(from, to).map_err(|error| {
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
    directory::remove_all(path).map_err(|error| {
        Problem::new(
            format!("cannot remove the unfinished {}: {error}", path.display()),
            "remove it by hand",
        )
    })
}

/// Gives a directory in which a restore worked the attributes that are noted in `notes`:
/// those from before, or the restored ones. Can be repeated after any interruption.
///
/// # Errors
/// If `notes` is not in the directory itself, or its attributes cannot be changed.
pub fn give_attributes(path: &Path, notes: &Path, committed: bool) -> Result<(), Problem> {
    give(path, notes, if committed { AFTER } else { BEFORE }).map_err(|error| {
        Problem::new(
            format!(
                "cannot give {} its owner, mode and times: {error}",
                path.display()
            ),
            format!("they are those of a directory in {}", notes.display()),
        )
    })
}

fn give(path: &Path, notes: &Path, name: &str) -> io::Result<()> {
    // Whoever can make directories here can change the attributes themselves.
    if notes.parent() != Some(path) {
        return Err(io::Error::other("its notes are somewhere else"));
    }
    let note = match directory::open(&notes.join(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return directory::remove_all(notes),
        note => note?,
    };
    let given = directory::open(path)?;
    attributes::copy(&note, &given)?;
    let times = attributes::times(&note)?;
    directory::remove_all(notes)?;
    Ok(rustix::fs::futimens(&given, &times)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

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

    #[test]
    fn nothing_is_rolled_back_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("victim")).unwrap();
        fs::write(root.join("victim/to"), "precious").unwrap();
        symlink("victim", root.join("link")).unwrap();
        fs::write(root.join("from"), "old").unwrap();
        let to = root.join("link/to");
        roll_back(&root.join("from"), &to, &root.join("fresh"), true).unwrap_err();
        remove(&root.join("link/to")).unwrap_err();
        let content = fs::read_to_string(root.join("victim/to"));
        assert_eq!(content.unwrap(), "precious");
        assert!(root.join("from").exists());
    }

    #[test]
    fn a_directory_is_given_what_was_noted_in_it() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (notes, before) = (root.join("notes"), root.join("notes/before"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        fs::create_dir_all(&before).unwrap();
        fs::set_permissions(&before, fs::Permissions::from_mode(0o2750)).unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 7);
        fs::File::open(&before).unwrap().set_modified(time).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let untouched = mode(elsewhere.path());
        give_attributes(elsewhere.path(), &notes, false).unwrap_err();
        assert_eq!(mode(elsewhere.path()), untouched);
        for _again in 0..2 {
            give_attributes(&root, &notes, false).unwrap();
            assert_eq!(mode(&root), 0o2750);
            assert_eq!(fs::metadata(&root).unwrap().modified().unwrap(), time);
            assert!(!notes.exists());
        }
    }
}
