//! The journal of what has to be undone, whatever happens to this process.
//!
//! Every action that needs another one afterwards is written down, durably, before it
//! is taken. The end of a run and `recover` undo the same list with the same code.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::Outcome;
use crate::base::paths::{remove_if_there, sync_parent, write_atomically};
use crate::plan::Plan;

/// The version of [`Intent`].
pub const VERSION: u32 = 1;

/// What a run has to undo: `intent.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Instance name.
    pub instance: String,
    /// Provider name.
    pub provider: String,
    /// What is under way.
    pub operation: Operation,
    /// systemd's invocation id of the unit.
    pub run_id: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// What it is doing; the steps tell, once the outcome is known.
    pub phase: String,
    /// How it ended, once that is known.
    pub outcome: Option<Outcome>,
    /// The snapshot that was made or restored, once that is known.
    pub snapshot: Option<String>,
    /// What to undo, last first.
    pub steps: Vec<Step>,
}

impl Intent {
    /// Nothing to undo yet.
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
            steps: Vec::new(),
        }
    }

    /// What was being done, as far as the journal knows.
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

/// What can be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// A backup.
    Backup,
    /// A restore.
    Restore,
}

/// One thing to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How to undo it.
    #[serde(flatten)]
    pub action: Action,
    /// It was tried to its end, and will not be tried again.
    pub done: bool,
}

/// How something is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum Action {
    /// A unit was running and runs again.
    Start {
        /// The unit.
        unit: String,
    },
    /// A unit of ours that a killed run may have left running is stopped.
    Stop {
        /// The unit.
        unit: String,
    },
    /// A hook runs after everything else.
    Hook {
        /// `after-backup` or `after-restore`.
        phase: String,
        /// The hook's name.
        name: String,
        /// The hook's unit.
        unit: String,
    },
    /// Old data goes back to its place, and new data to where it came from.
    PutBack {
        /// Where the old data is put.
        from: PathBuf,
        /// Its place.
        to: PathBuf,
        /// Where the new data comes from.
        fresh: PathBuf,
        /// There was old data.
        existed: bool,
    },
    /// A dump is loaded into its database: once the files are new, it has to be, too.
    Load {
        /// The stream's name.
        name: String,
        /// The unit that loads it.
        unit: String,
    },
    /// A half-made directory is removed.
    Remove {
        /// The directory. Never holds anything but copies of a snapshot.
        path: PathBuf,
    },
}

impl Action {
    /// The phase in which it is undone, as the journal and the state files name it.
    #[must_use]
    pub fn phase(&self) -> &str {
        match self {
            Self::Start { .. } => "resume",
            Self::Stop { .. } => "stop",
            Self::Load { .. } => "load",
            Self::Hook { phase, .. } => phase,
            Self::PutBack { .. } | Self::Remove { .. } => "clean",
        }
    }
}

/// The journal of one run, always as on the disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    pub(super) intent: Intent,
}

impl Journal {
    /// Begins a journal at `path`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(path: &Path, intent: Intent) -> Result<Self> {
        let journal = Self {
            path: path.to_owned(),
            intent,
        };
        journal.write()?;
        Ok(journal)
    }

    /// What another run has left at `path`, if anything.
    ///
    /// # Errors
    /// The file cannot be read, or has another format.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let json = match fs::read(path) {
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

    /// What it says.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// Adds something to undo, before it is done. The last of `actions` is undone first.
    ///
    /// # Errors
    /// It cannot be written: then the action must not be taken.
    pub fn add(&mut self, actions: impl IntoIterator<Item = Action>) -> Result<()> {
        let steps = actions.into_iter().map(|action| Step {
            action,
            done: false,
        });
        self.intent.steps.extend(steps);
        self.write()
    }

    /// Notes what is about to be done.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn enter(&mut self, phase: &str) -> Result<()> {
        phase.clone_into(&mut self.intent.phase);
        self.write()
    }

    /// The new data is in its place: from now on nothing goes back, and `loads` follow.
    ///
    /// # Errors
    /// It cannot be written: then everything goes back.
    pub fn commit(
        &mut self,
        snapshot: &str,
        loads: impl IntoIterator<Item = Action>,
    ) -> Result<()> {
        let before = self.intent.clone();
        for step in &mut self.intent.steps {
            step.done |= matches!(step.action, Action::PutBack { .. });
        }
        self.intent.outcome = Some(Outcome::Success);
        self.intent.snapshot = Some(snapshot.to_owned());
        let written = self.add(loads);
        if written.is_err() {
            self.intent = before;
        }
        written
    }

    /// Notes how the work ended, for the hooks that still have to hear it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn conclude(&mut self, outcome: Outcome, snapshot: Option<String>) -> Result<()> {
        self.intent.outcome = Some(outcome);
        self.intent.snapshot = snapshot;
        self.write()
    }

    /// Notes that what `done` selects needs not be undone any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn settle(&mut self, done: impl Fn(&Action) -> bool) -> Result<()> {
        for step in &mut self.intent.steps {
            step.done |= done(&step.action);
        }
        self.write()
    }

    /// Removes the journal: everything is undone and recorded.
    ///
    /// # Errors
    /// It cannot be removed.
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
        write_atomically(&self.path, &json).with_context(|| {
            format!(
                "cannot write down what has to be undone in {}",
                self.path.display()
            )
        })
    }
}
