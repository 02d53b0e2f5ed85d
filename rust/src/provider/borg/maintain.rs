//! Maintenance of a borg repository.

use anyhow::Context;

use super::call::Call;
use super::messages::{self, List};
use super::{Borg, NAME, archive};
use crate::base::outcome::Failure;
use crate::plan::Retention;
use crate::provider::exit_table::ProviderOperation;
use crate::provider::{Forgotten, Job, Provider, retention};

impl Borg {
    pub(super) fn forget_by(
        &self,
        keep: &Retention,
        job: &mut Job<'_>,
    ) -> Result<Forgotten, Failure> {
        let before = self.snapshots(job)?;
        let outdated = retention::outdated(&before);
        for id in &outdated {
            let name = self.name_of(id, job)?;
            self.delete(&name, job)?;
        }
        for name in self.checkpoints(job)? {
            self.delete(&name, job)?;
        }
        // Each kind for itself, so that incomplete archives do not count among the
        // complete ones; and by the whole form of a name: borg would prune anybody's.
        for complete in [true, false] {
            if !before.iter().any(|snapshot| snapshot.complete == complete) {
                continue;
            }
            Call::new(&self.settings, ProviderOperation::Forget)
                .arguments(["prune"])
                .arguments([
                    "--glob-archives",
                    &archive::exact_glob(&self.instance, complete),
                ])
                .arguments(retention::rules(keep))
                .run(job)?
                .check()?;
        }
        retention::compare(NAME, &before, &self.snapshots(job)?, &outdated)
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
            .arguments(["--glob-archives", &archive::glob(&self.instance)])
            .run(job)?;
        done.check()?;
        let list: List =
            serde_json::from_slice(&done.text).context("borg's list of archives cannot be read")?;
        let names = list.archives.into_iter().map(|listed| listed.name);
        Ok(names
            .filter(|name| archive::is_checkpoint(&self.instance, name))
            .collect())
    }

    /// Always with a name: without one, borg would delete the repository.
    fn delete(&self, name: &str, job: &mut Job<'_>) -> Result<(), Failure> {
        Call::new(&self.settings, ProviderOperation::Forget)
            .arguments(["delete", "--"])
            .arguments([format!("::{name}")])
            .run(job)?
            .check()
            .map(|_| ())
    }
}
