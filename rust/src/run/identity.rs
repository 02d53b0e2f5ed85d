//! Repository identity: once an instance has had a snapshot, only the repository that holds
//! it is the right one. Noted in `repository.json`, which nothing trims.

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::{InstancePaths, remove_if_there, sync_parent, write_atomically};
use crate::base::problem::Problem;
use crate::provider::{LastSnapshot, OTHER_REPOSITORY};

/// The version of [`Identity`].
const VERSION: u32 = 1;

/// Identity of the repository: `repository.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    version: u32,
    /// When the run that made the snapshot had ended its work, UTC.
    saved: Timestamp,
    /// The last snapshot, complete or not.
    #[serde(flatten)]
    pub last: LastSnapshot,
}

/// Reads the identity; none before the first snapshot. A request to accept another
/// repository (`run --new-repository`) is carried out first, for good.
///
/// # Errors
/// The file cannot be read or understood, or the request not be carried out.
pub fn load(directories: &InstancePaths) -> Result<Option<Identity>, Failure> {
    let request = directories.new_repository();
    if request.exists() {
        let file = directories.repository_identity();
        remove_if_there(&file)
            .and_then(|()| sync_parent(&file))
            .and_then(|()| remove_if_there(&request))
            .with_context(|| format!("cannot remove {}", file.display()))?;
    }
    read(directories).map_err(|error| {
        Failure::new(
            format!("it is not known which repository is the right one: {error:#}"),
            format!("repair the file or its disk; or {OTHER_REPOSITORY}"),
        )
    })
}

/// Notes the snapshot that was just made.
///
/// # Errors
/// The file cannot be written.
pub fn note(directories: &InstancePaths, last: &LastSnapshot) -> anyhow::Result<()> {
    let identity = Identity {
        version: VERSION,
        saved: Timestamp::now(),
        last: last.clone(),
    };
    let file = directories.repository_identity();
    write_atomically(&file, &serde_json::to_vec(&identity)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Notes that the snapshot `before`, if it is the last one, has another id, or that another
/// one is the last.
///
/// # Errors
/// The file cannot be read or written.
pub fn replace(directories: &InstancePaths, before: &str, now: &str) -> anyhow::Result<()> {
    match read(directories)? {
        Some(Identity { mut last, .. }) if last.snapshot == before => {
            now.clone_into(&mut last.snapshot);
            note(directories, &last)
        }
        _ => Ok(()),
    }
}

/// The failure if there is no repository where there was one: nothing is begun anew by itself.
#[must_use]
pub fn gone(known: &Identity) -> Failure {
    Failure::of(
        FailureKind::Failed,
        Problem::new(
            format!(
                "the repository does not exist any more: it held the snapshot {} of {:.0}",
                known.last.snapshot, known.saved
            ),
            OTHER_REPOSITORY,
        ),
    )
}

fn read(directories: &InstancePaths) -> anyhow::Result<Option<Identity>> {
    let identity: Option<Identity> =
        crate::base::paths::read_json(&directories.repository_identity())?;
    if let Some(identity) = &identity {
        anyhow::ensure!(
            identity.version == VERSION,
            "{} has version {}, and this program knows {VERSION}",
            directories.repository_identity().display(),
            identity.version
        );
    }
    Ok(identity)
}
