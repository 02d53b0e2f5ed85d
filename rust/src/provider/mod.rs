//! Backup programs behind one trait.

pub mod borg;
pub(crate) mod credentials;
pub mod entry;
pub mod exit_table;
mod foreign;
mod holder;
pub mod location;
pub mod restic;
mod retention;
mod ssh;
pub mod trouble;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::cancel::Cancel;
use crate::base::measure::{Progress, Totals};
use crate::base::outcome::{Failure, FailureKind};
use crate::base::owners::Owners;
use crate::base::paths::InstancePaths;
use crate::base::problem::{Private, Problem};
use crate::plan::pattern::Pattern;
use crate::plan::{Plan, ProviderKind, Retention};
use entry::{Change, Depth, Each, EachPiece, Entry};
use holder::Holder;

/// A backup program with one repository, seen as one instance.
///
/// To add one: a variant of [`ProviderKind`], a line in [`open`], a file beside
/// `restic.rs` and an exit table (see [`exit_table`]). Nothing else changes.
///
/// Rules for every method:
///
/// - Start the program through [`holder::Holder::run`] with `job.cancel`, and nothing else:
///   it may leave a lock. Tell the holder once it is proved that none is left. Secrets reach it through files or its environment, never as arguments.
/// - Decide what an exit means with [`exit_table::classify`] and your own table. What the
///   table does not know is a failure; so is an exit status of 0 without the message
///   that proves the work was done.
/// - Never make up for a failure here. Initialising, retrying and cleaning up are
///   decided by the pipeline, which is told by [`crate::base::outcome::FailureKind`].
/// - See only what belongs to the instance of this host: repositories may be shared by
///   instances and by hosts.
/// - A line that cannot be parsed is a note, not an error.
/// - What the program says may name private files: it goes to `job.observer`, and into the
///   details of a problem ([`trouble::Trouble`]), never into its message.
pub trait Provider: Look {
    /// The word used in plans, records and the journal.
    fn name(&self) -> &'static str;

    /// Creates the repository. Fails if there is one already.
    ///
    /// # Errors
    /// It was not created.
    fn init(&self, job: &mut Job<'_>) -> Result<(), Failure>;

    /// Makes one snapshot of `selection`, marked as belonging to the instance.
    ///
    /// # Errors
    /// There is no snapshot, or the repository is not the one that holds
    /// [`Selection::last`]. A repository that does not exist is
    /// [`crate::base::outcome::FailureKind::NoRepository`], and only if that is certain, or
    /// [`Self::init`] refuses to create one over anything that is there.
    fn backup(&self, selection: &Selection<'_>, job: &mut Job<'_>) -> Result<Backup, Failure>;

    /// Marks a snapshot as incomplete, in the repository, for good; returns the id that
    /// it has from then on.
    ///
    /// # Errors
    /// It was not marked.
    fn mark_incomplete(&self, snapshot: &str, job: &mut Job<'_>) -> Result<String, Failure>;

    /// Removes the locks that are provably ours, and whose holders are gone: see
    /// [`holder`]. No other lock is ever removed, however dead its holder looks.
    ///
    /// # Errors
    /// The repository cannot be reached.
    fn unlock(&self, job: &mut Job<'_>) -> Result<Unlocked, Failure>;

    /// The snapshots of the instance, oldest first.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn snapshots(&self, job: &mut Job<'_>) -> Result<Vec<Snapshot>, Failure>;

    /// Which of `paths` the snapshot does not hold.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn missing(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Vec<PathBuf>, Failure>;

    /// What the snapshot holds of `paths` and below.
    ///
    /// # Errors
    /// The repository cannot be read.
    fn contents(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Contents, Failure>;

    /// Writes `path` of the snapshot, a directory with all below it or a file, as
    /// `into/<last component of path>`, with owners, modes, times, ACLs and extended
    /// attributes, its own included. `into` exists, and neither it nor anything else in
    /// it is changed. The names are literal, whatever characters they contain.
    ///
    /// # Errors
    /// Something was not restored.
    fn restore(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        into: &Path,
        job: &mut Job<'_>,
    ) -> Result<(), Failure>;

    /// Forgets snapshots of the instance, and of no other: of the complete ones those
    /// that no rule of `keep` asks for; of the incomplete ones those that are older than
    /// a complete one, and of the rest those that no rule asks for. A complete snapshot
    /// is never forgotten in favour of an incomplete one. Is not called with no rules.
    ///
    /// Tell what is so afterwards, not what the program said it would do.
    ///
    /// # Errors
    /// Not all of it was done.
    fn forget(&self, keep: &Retention, job: &mut Job<'_>) -> Result<Forgotten, Failure>;

    /// Frees the space of what no snapshot of any instance needs any more. Returns the
    /// number of bytes, if the program tells.
    ///
    /// # Errors
    /// Not all of it was done.
    fn prune(&self, job: &mut Job<'_>) -> Result<Option<u64>, Failure>;

    /// How much of the stored data [`Self::check`] reads if at least `read_data` percent are
    /// asked for, in percent.
    fn reads(&self, read_data: u8) -> u8 {
        read_data.min(100)
    }

    /// Checks the whole repository: that everything is there that the snapshots of all
    /// instances need, and of the stored data itself at least `read_data` percent.
    ///
    /// # Errors
    /// Damage was found ([`crate::base::outcome::FailureKind::Damaged`]), or it could not be checked.
    fn check(&self, read_data: u8, job: &mut Job<'_>) -> Result<(), Failure>;
}

/// What reads snapshots for people.
pub trait Look {
    /// Passes on what the snapshot holds at `paths`, and below as far as `depth` reaches, as it
    /// is read; in any order, but a directory before what is in it. Keeps none of it.
    ///
    /// # Errors
    /// The repository cannot be read, or the error of `each`. A path that the snapshot does not
    /// hold is none.
    fn list(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        depth: Depth,
        each: &mut Each<'_, Entry>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure>;

    /// Passes on the content of a regular file, in pieces. [`Entry::stored_as`] takes the place
    /// of its path.
    ///
    /// # Errors
    /// The repository cannot be read, or the error of `each`. Whether all of it was passed on
    /// shows in the size.
    fn dump(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        each: &mut EachPiece<'_>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure>;

    /// Passes on in what the content of two snapshots differs, as it is found; in any order.
    /// A change of owner, permissions or times alone is none.
    ///
    /// # Errors
    /// The repository cannot be read, or the error of `each`.
    fn diff(
        &self,
        from: &Snapshot,
        to: &Snapshot,
        each: &mut Each<'_, Change>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure>;
}

/// Context of every call of a provider.
pub struct Job<'a> {
    /// Requests that the program be stopped; pass it on to [`crate::base::process`].
    pub cancel: &'a Cancel,
    /// Receives progress and output.
    pub observer: &'a mut dyn Observer,
}

/// Receives progress and output while a program runs.
pub trait Observer {
    /// Reports progress; called at most a few times a second.
    fn progress(&mut self, progress: &Progress);
    /// Reports a message of the program for people.
    fn note(&mut self, text: &str);
}

/// Data of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Absolute paths: sources, and the directory of dumps.
    pub paths: &'a [PathBuf],
    /// Directory of dumps. No pattern excludes it or what it holds, wherever it is.
    pub staging: Option<&'a Path>,
    /// Patterns in the contract's syntax.
    pub exclude: &'a [String],
    /// Whether to leave out file systems mounted below the paths. A mount point itself may be
    /// in the snapshot, empty.
    pub one_file_system: bool,
    /// The instance's last snapshot, if it has had one: only the repository that holds it
    /// is the right one.
    pub last: Option<&'a LastSnapshot>,
}

/// The last snapshot of an instance, which proves that a repository is the same as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastSnapshot {
    /// Its id.
    pub snapshot: String,
    /// Id of the repository, if the program prints it.
    pub repository: Option<String>,
}

/// A snapshot that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// Its id, and that of the repository.
    pub saved: LastSnapshot,
    /// Files and bytes, as counted by the provider.
    pub totals: Totals,
    /// Why it does not hold everything that was selected.
    pub incomplete: Option<Problem>,
}

/// Remedy when a repository is not the one that holds the last snapshot.
pub const OTHER_REPOSITORY: &str = "check repository.path, that the right disk is mounted, and that nobody has put an older copy in its place; if it is to be used as it is, `backupservice run NAME --new-repository`";

/// Result of [`Provider::contents`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes that the files need on a disk, at most: a file with several names counts once,
    /// holes may count.
    pub bytes: u64,
    /// Owners of everything that [`Provider::restore`] makes.
    pub owners: Owners,
}

/// Result of [`Provider::unlock`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlocked {
    /// A lock was removed, so that it is worth trying again what failed before.
    pub removed: bool,
    /// Holder and age of each lock that was left alone, as far as can be seen.
    pub left: Vec<String>,
}

/// Result of [`Provider::forget`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Ids of the removed snapshots, oldest first.
    pub removed: Vec<String>,
    /// Number of snapshots left.
    pub kept: usize,
}

impl Forgotten {
    /// The result if every snapshot is kept.
    fn nothing(snapshots: &[Snapshot]) -> Self {
        Self {
            removed: Vec::new(),
            kept: snapshots.len(),
        }
    }
}

/// A snapshot as listed; also the items of `snapshots.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its full id.
    pub id: String,
    /// The id that it had before it was marked as incomplete, if that gave it another one and
    /// the program tells.
    #[serde(skip)]
    pub original: Option<String>,
    /// When it was begun, UTC.
    pub time: Timestamp,
    /// Nothing that was selected is missing from it.
    pub complete: bool,
    /// The paths that were selected.
    pub paths: Vec<PathBuf>,
    /// Totals, if the provider still knows them.
    pub totals: Option<Totals>,
}

/// The provider that the plan names, with `credentials` being the directory of the
/// unit's credentials. What it keeps is in two of the instance's `directories`: the
/// cache, which may be deleted, and [`InstancePaths::provider`], which may not. Who may
/// hold locks is in [`InstancePaths::holders`].
///
/// # Errors
/// A credential cannot be read.
pub fn open(
    plan: &Plan,
    credentials: &Path,
    directories: &InstancePaths,
) -> Result<Box<dyn Provider>, Failure> {
    Ok(match plan.provider.kind {
        ProviderKind::Borg => Box::new(borg::Borg::new(plan, credentials, directories)?),
        ProviderKind::Restic => Box::new(restic::Restic::new(plan, credentials, directories)?),
    })
}

/// Exit tables of all providers, by provider name.
#[must_use]
pub fn tables() -> Vec<(&'static str, &'static [exit_table::Row])> {
    vec![
        (borg::NAME, borg::exits::TABLE),
        (restic::NAME, restic::exits::TABLE),
    ]
}

/// The word for a provider in plans, records and the journal.
#[must_use]
pub fn name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Borg => borg::NAME,
        ProviderKind::Restic => restic::NAME,
    }
}

/// The holder of the locks of this invocation.
fn holder(plan: &Plan, credentials: &Path, directories: &InstancePaths) -> anyhow::Result<Holder> {
    let repository = location::key(plan, credentials)?;
    Holder::new(
        &directories.holders,
        &repository,
        &plan.instance,
        &plan.host,
    )
}

/// Most output of a program that is kept, in bytes. What is cut off cannot be read as what it
/// should be, and so is a failure.
const MOST_OUTPUT: usize = 64 << 20;

/// Adds a line to the output that is kept, if there is room.
fn keep(output: &mut Vec<u8>, line: &[u8]) {
    if output.len() + line.len() < MOST_OUTPUT {
        output.extend_from_slice(line);
        output.push(b'\n');
    }
}

/// What a program printed, as JSON.
fn parsed<T: serde::de::DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| unparsable(what, &error))
}

fn unparsable(what: &str, error: &serde_json::Error) -> Failure {
    let problem = Problem::new(
        format!("{what} cannot be read"),
        "check that the provider's version is one that is supported; the journal of the run has the cause",
    );
    // It repeats what it cannot parse.
    let details = trouble::printable(error.to_string().as_bytes());
    Failure::of(
        FailureKind::Failed,
        problem.with_details(Some(Private::new(details))),
    )
}

/// Exclude patterns of a selection.
fn patterns(selection: &Selection<'_>) -> Result<Vec<Pattern>, Failure> {
    let mut patterns = Vec::new();
    for text in selection.exclude {
        let pattern = Pattern::parse(text).map_err(|mistake| {
            let message = format!("excludePatterns: {text:?} {mistake}");
            Failure::new(message, mistake.remedy)
        })?;
        let sources = selection.paths.iter();
        for path in sources.filter(|path| Some(path.as_path()) != selection.staging) {
            let path = path.to_str().ok_or_else(|| {
                let message = format!("the name of {} is not UTF-8", path.display());
                Failure::new(message, "rename it, or exclude nothing")
            })?;
            patterns.push(pattern.within(path));
        }
    }
    patterns.dedup();
    Ok(patterns)
}
