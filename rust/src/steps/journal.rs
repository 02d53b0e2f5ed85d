//! The intent journal: what a run still has to undo, even if its process dies.
//!
//! Every action that must be undone is recorded durably before it is taken. The end of a
//! run and `recover` undo the same list with the same code.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::Outcome;
use crate::base::paths::{Readers, remove_if_there, sync_parent, write_for};
use crate::base::untrusted;
use crate::plan::Plan;

/// The version of [`Intent`].
pub const VERSION: u32 = 1;

/// More than any journal needs, in bytes.
const LIMIT: u64 = 64 << 20;

/// The content of `intent.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// Provider name.
    pub provider: String,
    /// Kind of run.
    pub operation: Operation,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Start of the run, UTC.
    pub started: Timestamp,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Current phase. Once the outcome is known, [`Intent::phase`] follows the steps.
    pub phase: String,
    /// Outcome, once known.
    pub outcome: Option<Outcome>,
    /// Id of the snapshot that was made or restored, once known.
    pub snapshot: Option<String>,
    /// Whether a step could not be undone.
    #[serde(default)]
    pub cleanup_failed: bool,
    /// Where the disks are mounted on which a restore works. As long as one of them is not, nobody
    /// can tell what is to be undone there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_points: Vec<PathBuf>,
    /// Steps to undo, last first.
    pub steps: Vec<Step>,
}

impl Intent {
    /// Creates an intent without steps.
    #[must_use]
    pub fn new(plan: &Plan, operation: Operation, run_id: &str, started: Timestamp) -> Self {
        Self {
            version: VERSION,
            instance: plan.instance.clone(),
            provider: crate::provider::name(plan.provider.kind).to_owned(),
            operation,
            run_id: run_id.to_owned(),
            started,
            attempt: 1,
            phase: String::new(),
            outcome: None,
            snapshot: None,
            cleanup_failed: false,
            mount_points: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Phase in which the run is, or was when it died.
    #[must_use]
    pub fn phase(&self) -> Option<&str> {
        let undoing = self.steps.iter().rev().find(|step| !step.done);
        match (self.outcome, undoing) {
            (Some(_), Some(step)) => Some(step.action.phase()),
            (Some(_), None) => Some("record"),
            (None, _) => Some(self.phase.as_str()).filter(|phase| !phase.is_empty()),
        }
    }
}

/// Kinds of runs that keep a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// A backup.
    Backup,
    /// A restore.
    Restore,
}

/// One step to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Action that undoes it.
    #[serde(flatten)]
    pub action: Action,
    /// Whether the action was tried to its end; it is not tried again.
    pub done: bool,
}

/// Actions that undo a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum Action {
    /// Start a unit that was running before.
    Start {
        /// Unit name.
        unit: String,
    },
    /// Stop a hook or dump that may have outlived a killed run.
    Stop {
        /// Unit name.
        unit: String,
    },
    /// Run an `after` hook.
    Hook {
        /// `after-backup` or `after-restore`.
        phase: String,
        /// Name of the hook.
        name: String,
        /// Unit name.
        unit: String,
    },
    /// Move the old data back to its place, and the new data out of it.
    RollBack {
        /// Safety copy: where the old data is kept.
        from: PathBuf,
        /// Place of the data.
        to: PathBuf,
        /// Where the new data was restored before it was moved to `to`.
        fresh: PathBuf,
        /// Whether there was old data.
        existed: bool,
    },
    /// Give a directory in which a restore worked its attributes: those from before or,
    /// once that is committed, those that were restored.
    Attributes {
        /// The directory.
        path: PathBuf,
        /// A directory in it that holds both, as empty directories.
        notes: PathBuf,
        /// Whether the restored ones are meant.
        committed: bool,
    },
    /// Load a dump into its database, which has to match the restored files.
    Load {
        /// Name of the stream.
        name: String,
        /// Unit name.
        unit: String,
    },
    /// Remove an unfinished directory.
    Remove {
        /// The directory; it holds nothing but files of a snapshot.
        path: PathBuf,
    },
}

impl Action {
    /// Phase of this action in messages and state files.
    #[must_use]
    pub fn phase(&self) -> &str {
        match self {
            Self::Start { .. } => "resume",
            Self::Stop { .. } => "stop",
            Self::Load { .. } => "load",
            Self::Hook { phase, .. } => phase,
            Self::RollBack { .. } | Self::Attributes { .. } | Self::Remove { .. } => "clean",
        }
    }
}

/// The journal of one run, in memory as on disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    pub(super) intent: Intent,
}

impl Journal {
    /// Creates a journal at `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(path: &Path, intent: Intent) -> Result<Self> {
        let journal = Self {
            path: path.to_owned(),
            intent,
        };
        journal.write()?;
        Ok(journal)
    }

    /// Reads the journal that another run left at `path`; `None` if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or has another format.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let json = match untrusted::read(path, LIMIT) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let intent: Intent = serde_json::from_slice(&json)
            .with_context(|| format!("{} is not an intent journal", path.display()))?;
        anyhow::ensure!(
            intent.version == VERSION,
            "{} has version {}, and this executor understands {VERSION}",
            path.display(),
            intent.version
        );
        Ok(Some(Self {
            path: path.to_owned(),
            intent,
        }))
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The recorded intent.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// Records steps before they are taken. The last of `actions` is undone first.
    ///
    /// # Errors
    /// If the journal cannot be written; then the steps must not be taken.
    pub fn add(&mut self, actions: impl IntoIterator<Item = Action>) -> Result<()> {
        let steps = actions.into_iter().map(|action| Step {
            action,
            done: false,
        });
        self.intent.steps.extend(steps);
        self.write()
    }

    /// Records the phase that begins.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn enter(&mut self, phase: &str) -> Result<()> {
        phase.clone_into(&mut self.intent.phase);
        self.write()
    }

    /// Records that the new data is in place: nothing is rolled back any more, and
    /// `loads` have to run.
    ///
    /// # Errors
    /// If the journal cannot be written; then everything is rolled back.
    pub fn commit(
        &mut self,
        snapshot: &str,
        loads: impl IntoIterator<Item = Action>,
    ) -> Result<()> {
        let before = self.intent.clone();
        for step in &mut self.intent.steps {
            step.done |= matches!(step.action, Action::RollBack { .. });
            if let Action::Attributes { committed, .. } = &mut step.action {
                *committed = true;
            }
        }
        self.intent.outcome = Some(Outcome::Success);
        self.intent.snapshot = Some(snapshot.to_owned());
        let written = self.add(loads);
        if written.is_err() {
            self.intent = before;
        }
        written
    }

    /// Records outcome and snapshot, which `after` hooks receive.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn conclude(&mut self, outcome: Outcome, snapshot: Option<String>) -> Result<()> {
        self.intent.outcome = Some(outcome);
        self.intent.snapshot = snapshot;
        self.write()
    }

    /// Marks the actions that `done` selects as done.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn settle(&mut self, done: impl Fn(&Action) -> bool) -> Result<()> {
        for step in &mut self.intent.steps {
            step.done |= done(&step.action);
        }
        self.write()
    }

    /// Removes the journal, once everything is undone and recorded.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn close(self) -> Result<()> {
        remove_if_there(&self.path)
            .and_then(|()| sync_parent(&self.path))
            .with_context(|| format!("cannot remove {}", self.path.display()))
    }

    pub(super) fn complete(&mut self, index: usize) -> Result<()> {
        if let Some(step) = self.intent.steps.get_mut(index) {
            step.done = true;
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.intent)?;
        write_for(Readers::Owner, &self.path, &json)
            .with_context(|| format!("cannot write the intent journal {}", self.path.display()))
    }
}
