//! `prepare`: makes the directory of a local repository.
//!
//! Runs before a backup in a unit of its own, as the user of the backup with the rights to
//! create and hand over directories. What it finds goes to a file, so that the record of
//! the run tells why there was none.

use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use rustix::fs::{Gid, Uid};
use serde::{Deserialize, Serialize};

use crate::base::directory;
use crate::base::mounts;
use crate::base::paths::{Host, write_atomically};
use crate::base::problem::Problem;
use crate::base::real_path::{self, LastLink, RealPath};
use crate::plan::Plan;

/// Result of `prepare`: `prepare.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareResult {
    /// Why the repository cannot be used, if it cannot.
    pub error: Option<Problem>,
}

impl PrepareResult {
    /// The verdict in a file; none if `prepare` did not run.
    ///
    /// # Errors
    /// The file cannot be read, or is something else.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let verdict = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a verdict of prepare", path.display()))?;
        Ok(Some(verdict))
    }
}

/// Prepares the repository of `plan` and leaves the verdict where the run looks for it.
///
/// # Errors
/// The repository cannot be used (a [`Problem`]), or the verdict cannot be written.
pub fn run(plan: &Plan, host: &Host) -> anyhow::Result<()> {
    let error = prepare(plan).err();
    let path = host.instance(&plan.instance).prepare_verdict();
    let verdict = PrepareResult { error };
    write_atomically(&path, &serde_json::to_vec(&verdict)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    verdict.error.map_or(Ok(()), |problem| Err(problem.into()))
}

fn prepare(plan: &Plan) -> Result<(), Problem> {
    let Some(repository) = plan.repository.local_path() else {
        return Ok(());
    };
    if let Some(mount_point) = &plan.repository.mount_point
        && !mounts::is_mounted(mount_point)?
    {
        let shown = mount_point.display();
        return Err(Problem::new(
            format!(
                "{shown} is not mounted, and what is below it is not the repository {}",
                repository.display()
            ),
            format!("Mount it (`mount {shown}`), or connect the disk"),
        ));
    }
    let mut ancestors = repository.ancestors();
    let nearest = ancestors.find(|above| above.symlink_metadata().is_ok());
    let nearest = nearest.unwrap_or(Path::new("/"));
    match fs::metadata(nearest) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(not_a_directory(nearest)),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(not_a_directory(nearest)),
        Err(error) => return Err(refused("look at", nearest, &error)),
    }
    let real = real_path::resolve(repository, LastLink::Follow).map_err(|problem| Problem {
        message: format!("repository.path: {}", problem.message),
        ..problem
    })?;
    if real.exists {
        existing(&real.path)
    } else {
        create(&real)
    }
}

/// A repository outlives a machine, and may come from one where the user had another uid.
fn existing(repository: &Path) -> Result<(), Problem> {
    let uid = rustix::process::geteuid().as_raw();
    let Some(owner) =
        foreign_owner(repository, uid).map_err(|error| refused("list", repository, &error))?
    else {
        return Ok(());
    };
    let shown = repository.display();
    Err(Problem::new(
        format!(
            "repository.path {shown} belongs to the user with the uid {owner}, but backups run as uid {uid}; perhaps it was made by another program or on another machine"
        ),
        format!("If it is the right repository: `chown -R backupservice:backupservice {shown}`"),
    ))
}

/// Another owner of the directory, or of something directly in it.
fn foreign_owner(directory: &Path, uid: u32) -> std::io::Result<Option<u32>> {
    let own = fs::metadata(directory)?.uid();
    if own != uid {
        return Ok(Some(own));
    }
    foreign_entry(fs::read_dir(directory)?, uid)
}

fn foreign_entry(
    entries: impl Iterator<Item = std::io::Result<DirEntry>>,
    uid: u32,
) -> std::io::Result<Option<u32>> {
    for entry in entries {
        let owner = match entry?.metadata() {
            // Another instance that uses the repository has removed it, such as a lock.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?.uid(),
        };
        if owner != uid {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// Creates a directory and what is missing above it. Directories above belong to
/// whom the next existing one belongs, as if its owner had made them.
fn create(real: &RealPath) -> Result<(), Problem> {
    let failed = |error| refused("create", &real.path, &error);
    let existing = &real.nearest()?.path;
    let mut above = directory::open(existing).map_err(failed)?;
    let owner = rustix::fs::fstat(&above).map_err(|error| failed(error.into()))?;
    let missing = real.path.strip_prefix(existing).unwrap_or(&real.path);
    let mut parents = Vec::new();
    for part in missing {
        let is_last = parents.len() + 1 == missing.iter().count();
        let made = directory::make_in(&above, part, if is_last { 0o700 } else { 0o755 });
        parents.push(std::mem::replace(&mut above, made.map_err(failed)?));
    }
    // Given away last, and by descriptor: until then nobody else can exchange names in them.
    for parent in parents.iter().skip(1).rev() {
        let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
        rustix::fs::fchown(parent, Some(uid), Some(gid)).map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn not_a_directory(path: &Path) -> Problem {
    let shown = path.display();
    Problem::new(
        format!("{shown} is in the way of repository.path: it is not a directory"),
        "Remove or rename it, or choose another repository.path",
    )
}

fn refused(verb: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(
        format!(
            "cannot {verb} {} for repository.path: {error}",
            path.display()
        ),
        "Create the directory and give it to the user backupservice, or choose another repository.path",
    )
}

#[cfg(test)]
mod tests;
