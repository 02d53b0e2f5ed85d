//! Requests of the command line to a restore unit, and their results.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::{self, Outcome};
use crate::base::paths::{InstancePaths, Readers, remove_if_there, write_for};
use crate::base::problem::Problem;

/// The version of [`Request`] and [`Restored`].
pub const VERSION: u32 = 1;

/// Request of one restore, in a file of its own; see [`InstancePaths::restore_request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Id, beginning of an id, or `latest`.
    pub snapshot: String,
    /// With `latest`: the last one that was begun by this time, UTC.
    pub until: Option<Timestamp>,
    /// Host whose snapshot it is, unless it is the instance's own.
    pub host: Option<String>,
    /// Everything goes below this directory, and nothing else is touched.
    pub target: Option<PathBuf>,
    /// Only this path of the snapshot.
    pub path: Option<PathBuf>,
    /// Whom the directories belong to that are made below `target`; to the user of the restore
    /// otherwise.
    pub caller: Option<Caller>,
}

/// User who asked for a restore, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Request {
    /// Everything, in place.
    #[must_use]
    pub fn whole(snapshot: &str) -> Self {
        Self {
            version: VERSION,
            snapshot: snapshot.to_owned(),
            until: None,
            host: None,
            target: None,
            path: None,
            caller: None,
        }
    }

    /// Reads and removes the request with this id.
    ///
    /// # Errors
    /// There is none, or it cannot be understood: then nothing may be restored.
    pub fn take(directories: &InstancePaths, id: &str) -> anyhow::Result<Self> {
        let path = directories.restore_request(id);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Problem::new(
                    format!("nothing is restored: there is no request {}", path.display()),
                    "start a restore with `backupservice restore`, which says what to restore and where to",
                )
                .into());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        remove_if_there(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        let request: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is not a restore request", path.display()))?;
        anyhow::ensure!(
            request.version == VERSION,
            "{} has version {}, and this executor understands {VERSION}",
            path.display(),
            request.version
        );
        Ok(request)
    }
}

/// Result of a restore: `restore-result.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Outcome.
    pub outcome: Outcome,
    /// It failed for something that may pass by itself.
    pub transient: bool,
    /// Something that was stopped or changed could not be put back.
    pub cleanup_failed: bool,
    /// Why it is not a success.
    pub error: Option<Problem>,
    /// The snapshot that was chosen.
    pub snapshot: Option<String>,
    /// Restored paths.
    pub restored: Vec<PathBuf>,
    /// Where the data from before is.
    pub safety_copies: Vec<PathBuf>,
}

impl Restored {
    pub(super) fn new(run_id: &str) -> Self {
        Self {
            version: VERSION,
            run_id: run_id.to_owned(),
            outcome: Outcome::Success,
            transient: false,
            cleanup_failed: false,
            error: None,
            snapshot: None,
            restored: Vec::new(),
            safety_copies: Vec::new(),
        }
    }

    /// Exit status of the process.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match outcome::exit_status(self.outcome, self.transient) {
            0 if self.cleanup_failed => 1,
            status => status,
        }
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restore: {}", self.outcome.as_str())?;
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        if !self.restored.is_empty() {
            write!(f, "; restored {}", list(&self.restored))?;
        }
        if !self.safety_copies.is_empty() {
            write!(
                f,
                "; the data from before is in {}, remove it when it is not needed any more",
                list(&self.safety_copies)
            )?;
        }
        Ok(())
    }
}

/// Paths, with commas between them.
pub(super) fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

pub(super) fn leave_result(directories: &InstancePaths, restored: &Restored) {
    let path = directories.restore_result();
    let written = serde_json::to_vec(restored)
        .map_err(Into::into)
        .and_then(|json| write_for(Readers::Owner, &path, &json));
    if let Err(error) = written {
        log::error!("cannot write {}: {error}", path.display());
    }
}
