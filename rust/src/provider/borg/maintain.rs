//! Maintenance of a borg repository.

use super::call::Call;
use super::messages::{self, List};
use super::{Borg, NAME, archive};
use crate::base::outcome::Failure;
use crate::plan::Retention;
use crate::provider::exit_table::ProviderOperation;
use crate::provider::{Forgotten, Job, Provider, parsed, retention};

impl Borg {
    pub(super) fn forget_by(
        &self,
        keep: &Retention,
        job: &mut Job<'_>,
    ) -> Result<Forgotten, Failure> {
        let before = self.snapshots(job)?;
        let superfluous = retention::superfluous(&before, keep);
        let mut names = self.checkpoints(job)?;
        for id in &superfluous {
            names.push(self.name_of(id, job)?);
        }
        if names.is_empty() {
            return Ok(Forgotten::nothing(&before));
        }
        self.delete(&names, job)?;
        retention::compare(NAME, &before, &self.snapshots(job)?, &superfluous)
    }

    pub(super) fn compact(&self, job: &mut Job<'_>) -> Result<Option<u64>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Prune)
            .arguments(["compact", "--verbose"])
            .run(job)?;
        done.check()?;
        Ok(done.said("compaction freed").and_then(messages::freed))
    }

    /// borg always reads everything, and compares checksums; at 100 percent it also
    /// decrypts it.
    pub(super) fn check_all(&self, read_data: u8, job: &mut Job<'_>) -> Result<(), Failure> {
        let mut call =
            Call::new(&self.settings, ProviderOperation::Check).arguments(["check", "--verbose"]);
        if read_data >= 100 {
            call = call.arguments(["--verify-data"]);
        }
        call.run(job)?.check().map(|_| ())
    }

    /// Names of what interrupted runs of the instance have left.
    fn checkpoints(&self, job: &mut Job<'_>) -> Result<Vec<String>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Snapshots)
            .arguments(["list", "--json", "--format", "{comment}"])
            .arguments(["--consider-checkpoints"])
            .arguments(["--glob-archives", &archive::glob(&self.owner)])
            .run(job)?;
        done.check()?;
        let list: List = parsed("borg's list of archives", &done.text)?;
        let names = list.archives.into_iter().map(|listed| listed.name);
        Ok(names
            .filter(|name| archive::is_checkpoint(&self.owner, name))
            .collect())
    }

    /// Deletes archives. Without a name, borg would delete the repository.
    fn delete(&self, names: &[String], job: &mut Job<'_>) -> Result<(), Failure> {
        let Some((first, others)) = names.split_first() else {
            return Ok(());
        };
        Call::new(&self.settings, ProviderOperation::Forget)
            .arguments(["delete", "--"])
            .arguments([format!("::{first}")])
            .arguments(others)
            .run(job)?
            .check()
            .map(|_| ())
    }
}
