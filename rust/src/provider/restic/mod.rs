//! restic, 0.17 or newer.

mod call;
mod exclude;
pub mod exits;
mod locks;
mod look;
mod messages;
mod retry_limit;
mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit_table::ProviderOperation;
use super::retention;
use super::{
    Backup, Contents, Forgotten, Job, LastSnapshot, Provider, Selection, Snapshot, Unlocked,
};
use crate::base::outcome::Failure;
use crate::base::paths::InstancePaths;
use crate::plan::{Plan, Retention};
use call::Call;
use settings::Settings;

/// The word for restic in plans, records and the journal.
pub const NAME: &str = "restic";

/// Tag of a snapshot that does not hold everything it should.
const INCOMPLETE: &str = "incomplete";

/// restic with one repository, seen as one instance.
#[derive(Debug)]
pub struct Restic {
    settings: Settings,
    tag: String,
    host: String,
}

impl Restic {
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
            tag: format!("instance:{}", plan.instance),
            host: plan.host.clone(),
        })
    }
}

impl Provider for Restic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn init(&self, job: &mut Job<'_>) -> Result<(), Failure> {
        Call::new(&self.settings, ProviderOperation::Init)
            .arguments(["init", "--json"])
            .run(job)?
            .check()
            .map(|_| ())
    }

    fn backup(&self, selection: &Selection<'_>, job: &mut Job<'_>) -> Result<Backup, Failure> {
        let mut call = Call::new(&self.settings, ProviderOperation::Backup)
            .arguments(["backup", "--json", "--tag", &self.tag, "--host", &self.host]);
        // restic refuses to work without a parent that is named: no other repository has it.
        if let Some(last) = selection.last {
            call = call.arguments(["--parent", &last.snapshot]);
        }
        if selection.one_file_system {
            call = call.arguments(["--one-file-system"]);
        }
        for pattern in super::patterns(selection)? {
            call = call.arguments(["--exclude", &exclude::translate(&pattern)]);
        }
        if let Some(staging) = selection.staging {
            call = call.arguments(exclude::except(staging)?);
        }
        let done = call.arguments(["--"]).arguments(selection.paths).run(job)?;
        let row = done.check()?;
        let summary = done.summary.as_ref().context("restic printed no summary")?;
        Ok(Backup {
            saved: LastSnapshot {
                snapshot: summary.snapshot_id.clone(),
                repository: None,
            },
            totals: summary.totals(),
            incomplete: done.incomplete(row),
        })
    }

    fn mark_incomplete(&self, snapshot: &str, job: &mut Job<'_>) -> Result<String, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Mark)
            .arguments(["tag", "--json", "--add", INCOMPLETE, "--", snapshot])
            .run(job)?;
        done.check()?;
        Ok(done.changed.unwrap_or_else(|| snapshot.to_owned()))
    }

    fn unlock(&self, job: &mut Job<'_>) -> Result<Unlocked, Failure> {
        self.remove_stale_locks(job)
    }

    fn snapshots(&self, job: &mut Job<'_>) -> Result<Vec<Snapshot>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Snapshots)
            .arguments(["snapshots", "--json", "--no-lock"])
            .arguments(["--tag", &self.tag, "--host", &self.host])
            .run(job)?;
        done.check()?;
        messages::snapshots(&done.text, INCOMPLETE)
            .map_err(|error| super::unparsable("restic's list of snapshots", &error))
    }

    fn missing(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Vec<PathBuf>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Contents)
            .looking_for(paths)
            .arguments(["ls", "--json", "--no-lock", "--", &snapshot.id])
            .arguments(paths)
            .run(job)?;
        done.check()?;
        Ok(done.sought)
    }

    fn contents(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        job: &mut Job<'_>,
    ) -> Result<Contents, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["ls", "--json", "--no-lock", "--recursive", "--"])
            .arguments([&snapshot.id])
            .arguments(paths)
            .run(job)?;
        done.check()?;
        Ok(done.listed.contents)
    }

    fn restore(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        into: &Path,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let unusable = || {
            Failure::new(
                format!("{} cannot be restored by name", path.display()),
                "restore the directory that holds it",
            )
        };
        let parent = path.parent().and_then(Path::to_str).ok_or_else(unusable)?;
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(unusable)?;
        let target: OsString = into.into();
        Call::new(&self.settings, ProviderOperation::Restore)
            .arguments(["restore", "--json", "--sparse", "--include"])
            .arguments([exclude::literal(name)])
            .arguments(["--target".into(), target])
            .arguments(["--".to_owned(), format!("{}:{parent}", snapshot.id)])
            .run(job)?
            .check()
            .map(|_| ())
    }

    fn forget(&self, keep: &Retention, job: &mut Job<'_>) -> Result<Forgotten, Failure> {
        let before = self.snapshots(job)?;
        let superfluous = retention::superfluous(&before, keep);
        if superfluous.is_empty() {
            return Ok(Forgotten::nothing(&before));
        }
        // By id: restic's own rules would group and filter by tags, which anybody may add.
        Call::new(&self.settings, ProviderOperation::Forget)
            .arguments(["forget", "--json", "--"])
            .arguments(&superfluous)
            .run(job)?
            .check()?;
        retention::compare(NAME, &before, &self.snapshots(job)?, &superfluous)
    }

    fn prune(&self, job: &mut Job<'_>) -> Result<Option<u64>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Prune)
            .arguments(["prune"])
            .run(job)?;
        done.check()?;
        Ok(done.freed())
    }

    fn check(&self, read_data: u8, job: &mut Job<'_>) -> Result<(), Failure> {
        let mut call =
            Call::new(&self.settings, ProviderOperation::Check).arguments(["check", "--json"]);
        match read_data {
            0 => {}
            1..100 => call = call.arguments([format!("--read-data-subset={read_data}%")]),
            _ => call = call.arguments(["--read-data"]),
        }
        call.run(job)?.check().map(|_| ())
    }
}
