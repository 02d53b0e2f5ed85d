//! borg, 1.4.

mod archive;
mod call;
mod exclude;
pub mod exits;
mod item;
mod locks;
mod look;
mod maintain;
mod messages;
mod settings;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;

use super::exit_table::ProviderOperation;
use super::{
    Backup, Contents, Forgotten, Job, LastSnapshot, OTHER_REPOSITORY, Provider, Selection,
    Snapshot, Unlocked,
};
use crate::base::outcome::Failure;
use crate::base::paths::InstancePaths;
use crate::plan::{Plan, Retention};
use call::Call;
use messages::{Created, List};
use settings::Settings;

/// The word for borg in plans, records and the journal.
pub const NAME: &str = "borg";

/// borg with one repository, seen as one instance.
#[derive(Debug)]
pub struct Borg {
    settings: Settings,
    /// First part of the names of all archives of this instance of this host.
    owner: String,
    /// borg finds archives by name alone: the names by id, as far as seen.
    names: RefCell<BTreeMap<String, String>>,
}

impl Borg {
    /// See [`super::open`].
    ///
    /// # Errors
    /// A credential cannot be read.
    pub fn new(
        plan: &Plan,
        credentials: &Path,
        directories: &InstancePaths,
    ) -> Result<Self, Failure> {
        Ok(Self {
            settings: Settings::new(plan, credentials, directories)?,
            // Neither name contains an `@`, so that no two owners are alike.
            owner: format!("{}@{}", plan.instance, plan.host),
            names: RefCell::default(),
        })
    }

    fn archives(&self, glob: &str, job: &mut Job<'_>) -> Result<List, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Snapshots)
            .arguments(["list", "--json", "--format", "{comment}"])
            .arguments(["--glob-archives", glob])
            .run(job)?;
        done.check()?;
        let list: List = super::parsed("borg's list of archives", &done.text)?;
        let named = list.archives.iter();
        self.names
            .borrow_mut()
            .extend(named.map(|listed| (listed.id.clone(), listed.name.clone())));
        Ok(list)
    }

    /// The name of the archive with this id.
    fn name_of(&self, id: &str, job: &mut Job<'_>) -> Result<String, Failure> {
        let known = |id: &str| self.names.borrow().get(id).cloned();
        if let Some(name) = known(id) {
            return Ok(name);
        }
        self.archives(&archive::glob(&self.owner), job)?;
        known(id).ok_or_else(|| {
            Failure::new(
                format!("the repository has no snapshot {id} of {}", self.owner),
                "list its snapshots and choose one of them",
            )
        })
    }
}

impl Provider for Borg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn init(&self, job: &mut Job<'_>) -> Result<(), Failure> {
        Call::new(&self.settings, ProviderOperation::Init)
            .arguments(["init", "--encryption", "repokey-blake2"])
            .arguments(["--make-parent-dirs"])
            .run(job)?
            .check()
            .map(|_| ())
    }

    fn backup(&self, selection: &Selection<'_>, job: &mut Job<'_>) -> Result<Backup, Failure> {
        refuse_twins(selection.paths)?;
        let patterns = super::patterns(selection)?;
        let comment = messages::comment(selection.paths)
            .context("the list of sources cannot be written as JSON")?;
        let name = archive::name(&self.owner, Timestamp::now());
        let mut call = Call::new(&self.settings, ProviderOperation::Backup)
            .arguments(["create", "--json", "--noflags"])
            .arguments(["--compression", "auto,zstd", "--comment", &comment]);
        if selection.one_file_system {
            call = call.arguments(["--one-file-system"]);
        }
        if let Some(staging) = selection.staging {
            let mut include = OsString::from("+ ");
            include.push(styled("pp", staging));
            // The first pattern that matches counts.
            call = call.arguments([OsString::from("--pattern"), include]);
        }
        for pattern in &patterns {
            call = call.arguments(["--exclude", &exclude::translate(pattern)]);
        }
        let done = call
            .arguments(["--".to_owned(), format!("::{name}")])
            .arguments(selection.paths)
            .run(job)?;
        let row = done.check()?;
        let Created {
            archive,
            repository,
        } = super::parsed("borg's summary of the backup", &done.text)?;
        let before = selection.last.and_then(|last| last.repository.as_ref());
        if let Some(before) = before.filter(|before| **before != repository.id) {
            return Err(Failure::new(
                format!(
                    "borg: the repository does not hold the last snapshot of this instance: its id is {}, and was {before} before",
                    repository.id
                ),
                OTHER_REPOSITORY,
            ));
        }
        let totals = archive.totals();
        self.names
            .borrow_mut()
            .insert(archive.id.clone(), archive.name);
        Ok(Backup {
            saved: LastSnapshot {
                snapshot: archive.id,
                repository: Some(repository.id),
            },
            totals,
            incomplete: done.incomplete(row),
        })
    }

    fn mark_incomplete(&self, snapshot: &str, job: &mut Job<'_>) -> Result<String, Failure> {
        let name = self.name_of(snapshot, job)?;
        let marked = archive::incomplete(&name);
        if marked == name {
            return Ok(snapshot.to_owned());
        }
        Call::new(&self.settings, ProviderOperation::Mark)
            .arguments(["rename", "--", &format!("::{name}"), &marked])
            .run(job)?
            .check()?;
        let list = self.archives(&marked, job)?;
        let marked = list
            .archives
            .into_iter()
            .find(|listed| listed.name == marked);
        Ok(marked
            .context("the snapshot is gone after it was marked")?
            .id)
    }

    fn unlock(&self, job: &mut Job<'_>) -> Result<Unlocked, Failure> {
        self.remove_stale_locks(job)
    }

    fn snapshots(&self, job: &mut Job<'_>) -> Result<Vec<Snapshot>, Failure> {
        let list = self.archives(&archive::glob(&self.owner), job)?;
        let ours = list.archives.into_iter().filter_map(|listed| {
            let meaning = archive::meaning(&self.owner, &listed.name)?;
            Some(Snapshot {
                original: None,
                paths: listed.paths(),
                time: meaning.time,
                complete: meaning.complete,
                totals: None,
                id: listed.id,
            })
        });
        let mut snapshots: Vec<Snapshot> = ours.collect();
        snapshots.sort_by_key(|snapshot| snapshot.time);
        Ok(snapshots)
    }

    fn missing(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Vec<PathBuf>, Failure> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let name = self.name_of(&snapshot.id, job)?;
        let done = Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["list", "--format", "{bpath}{NUL}", "--"])
            .arguments([format!("::{name}")])
            .arguments(paths.iter().map(|path| styled("pf", path)))
            .run(job)?;
        done.check()?;
        let held: Vec<&[u8]> = done.text.split(|byte| *byte == 0).collect();
        let is_held = |path: &&PathBuf| {
            let bytes = path.as_os_str().as_bytes();
            held.contains(&bytes.strip_prefix(b"/").unwrap_or(bytes))
        };
        Ok(paths
            .iter()
            .filter(|path| !is_held(path))
            .cloned()
            .collect())
    }

    fn contents(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Contents, Failure> {
        let name = self.name_of(&snapshot.id, job)?;
        // Of the names of one file, all but the first have no size.
        let done = Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["list", "--format", "{size} {uid} {gid} {bpath}{NUL}", "--"])
            .arguments([format!("::{name}")])
            .arguments(paths.iter().map(|path| styled("pp", path)))
            .run(job)?;
        done.check()?;
        messages::contents(&done.text).ok_or_else(|| {
            Failure::new(
                "borg's list of files cannot be read",
                "check that borg's version is one that is supported",
            )
        })
    }

    fn restore(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        into: &Path,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let last = path.file_name().with_context(|| {
            format!("{} has no name of its own to restore it by", path.display())
        })?;
        let name = self.name_of(&snapshot.id, job)?;
        let above = path.components().count().saturating_sub(2);
        Call::new(&self.settings, ProviderOperation::Restore)
            .making(into, Path::new(last))
            .arguments(["extract", "--numeric-ids", "--sparse", "--noflags"])
            .arguments(["--strip-components", &above.to_string(), "--"])
            .arguments([OsString::from(format!("::{name}")), styled("pp", path)])
            .run(job)?
            .check()
            .map(|_| ())
    }

    fn forget(&self, keep: &Retention, job: &mut Job<'_>) -> Result<Forgotten, Failure> {
        self.forget_by(keep, job)
    }

    fn prune(&self, job: &mut Job<'_>) -> Result<Option<u64>, Failure> {
        self.compact(job)
    }

    fn reads(&self, _: u8) -> u8 {
        100
    }

    fn check(&self, read_data: u8, job: &mut Job<'_>) -> Result<(), Failure> {
        self.check_all(read_data, job)
    }
}

/// A path as a pattern of one of borg's styles that take it literally.
fn styled(style: &str, path: &Path) -> OsString {
    let mut bytes = format!("{style}:").into_bytes();
    bytes.extend_from_slice(path.as_os_str().as_bytes());
    OsString::from_vec(bytes)
}

/// borg leaves out, and does not say so, whatever is the same file or directory as a
/// source that it has been through: a directory mounted at two places, or a hard link.
fn refuse_twins(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for path in paths {
        // What is missing is borg's to report.
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if let Some(twin) = seen.insert((metadata.dev(), metadata.ino()), path) {
            return Err(Failure::new(
                format!(
                    "the sources {} and {} are one and the same, and borg would save only the first",
                    twin.display(),
                    path.display()
                ),
                "remove one of them from sourceDirectories",
            ));
        }
    }
    Ok(())
}
