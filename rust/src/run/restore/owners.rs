//! Owners: whether a file system takes them, and whether everything was restored with its own.

use std::path::Path;

use crate::base::outcome::Failure;
use crate::base::owners::Owners;

/// Checks that files in `place` may belong to `owners`.
///
/// # Errors
/// They may not, or it cannot be found out.
pub fn check_place(owners: &Owners, place: &Path, instance: &str) -> Result<(), Failure> {
    let probe = place.join(format!(".backupservice-probe-{instance}"));
    match owners.refused_at(&probe) {
        Ok(None) => Ok(()),
        Ok(Some((user, group))) => Err(Failure::new(
            format!(
                "the file system of {} refuses user {user} and group {group}, to whom files of the snapshot belong",
                place.display()
            ),
            "restore elsewhere with --target; an NFS server has to export it with no_root_squash, and vfat, exFAT and SMB have no owners",
        )),
        Err(error) => Err(Failure::new(
            format!(
                "cannot find out whether the file system of {} takes the owners of the snapshot: {}: {error}",
                place.display(),
                probe.display()
            ),
            "check the file system; or restore elsewhere with --target",
        )),
    }
}

/// Checks that what was restored at `paths` belongs to `owners`. Nobody else may change it yet.
///
/// # Errors
/// Something belongs to somebody else, is missing, or cannot be looked at.
pub fn check_restored<'a>(
    owners: &Owners,
    paths: impl Iterator<Item = &'a Path>,
) -> Result<(), Failure> {
    let mut found = Owners::default();
    for path in paths {
        found.count(path).map_err(|error| {
            Failure::new(
                format!(
                    "cannot check the owners of what was restored to {}: {error}",
                    path.display()
                ),
                "check its file system",
            )
        })?;
    }
    if *owners == found {
        return Ok(());
    }
    let (all, wrong) = owners.lacking(&found);
    Err(Failure::new(
        format!(
            "what was restored is not what the snapshot holds: of {all} files and directories, {wrong} are missing or belong to another user or group"
        ),
        "read the provider's output in the journal of the restore; restore to a file system that takes all owners, unlike NFS with root_squash, vfat, exFAT and SMB",
    ))
}
