//! Locks in a restic repository.
//!
//! restic cannot remove one lock alone: `unlock` removes all that were taken under this host's
//! name by processes that it does not find here, and all that are older than half an hour.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Restic;
use super::call::Call;
use crate::base::outcome::{Failure, FailureKind};
use crate::provider::exit_table::ProviderOperation;
use crate::provider::holder::{Holding, described, node_name, since};
use crate::provider::{Job, Unlocked};

/// Age of a lock that `unlock` may soon remove, whoever holds it. Locks are renewed every five
/// minutes.
const OLD: SignedDuration = SignedDuration::from_mins(25);

/// Most locks that are looked at: each costs a process.
const MOST: usize = 20;

/// A lock, as `cat lock` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Lock {
    time: Timestamp,
    #[serde(default)]
    exclusive: bool,
    hostname: String,
    #[serde(default)]
    username: String,
    pid: u32,
}

impl Restic {
    pub(super) fn remove_stale_locks(&self, job: &mut Job<'_>) -> Result<Unlocked, Failure> {
        let ids = self.list_locks(job)?;
        let mut left = Vec::new();
        let mut removable = 0;
        let mut endangered = ids.len() > MOST;
        for id in ids.iter().take(MOST) {
            let short = id.get(..8).unwrap_or(id);
            let Some(lock) = self.read_lock(id, job)? else {
                left.push(format!(
                    "the lock {short}, which cannot be read, or is gone by now"
                ));
                continue;
            };
            let holder = &self.settings.holder;
            match holder.holding(&lock.hostname, lock.pid, lock.time)? {
                Holding::Gone => removable += 1,
                holding => {
                    endangered |= lock.is_endangered(holding);
                    left.push(lock.describe(short, holding));
                }
            }
        }
        if removable == 0 && ids.len() <= MOST {
            self.settings.holder.left_nothing();
        }
        let removed = removable > 0 && !endangered;
        if removed {
            // Never --remove-all.
            Call::new(&self.settings, ProviderOperation::Unlock)
                .arguments(["unlock"])
                .run(job)?
                .check()?;
        } else if removable > 0 {
            job.observer.note(
                "a stale lock of this machine stays: `restic unlock` might remove others with it",
            );
        }
        for lock in &left {
            job.observer.note(&format!("left alone: {lock}"));
        }
        Ok(Unlocked { removed, left })
    }

    fn list_locks(&self, job: &mut Job<'_>) -> Result<Vec<String>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Unlock)
            .arguments(["list", "locks", "--no-lock"])
            .run(job)?;
        done.check()?;
        let text = String::from_utf8_lossy(&done.text);
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// None if it is not there any more, or cannot be read: `unlock` leaves such a one.
    fn read_lock(&self, id: &str, job: &mut Job<'_>) -> Result<Option<Lock>, Failure> {
        let done = Call::new(&self.settings, ProviderOperation::Unlock)
            .arguments(["cat", "lock", id, "--no-lock"])
            .run(job)?;
        match done.check() {
            Ok(_) => Ok(serde_json::from_slice(&done.text).ok()),
            Err(failure) if failure.kind == FailureKind::Failed => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

impl Lock {
    /// Whether `unlock` might remove it.
    fn is_endangered(&self, holding: Holding) -> bool {
        let old = Timestamp::now().duration_since(self.time) > OLD;
        old || (holding == Holding::Unknown && self.hostname == node_name())
    }

    fn describe(&self, id: &str, holding: Holding) -> String {
        let Self {
            hostname,
            username,
            pid,
            ..
        } = self;
        let kind = if self.exclusive { "exclusive " } else { "" };
        let since = since(self.time);
        let alive = match holding {
            Holding::Alive => ", which runs on this machine",
            _ => "",
        };
        let text = format!(
            "the {kind}lock {id} of process {pid} of {username} on {hostname}{alive}, {since}"
        );
        described(&text)
    }
}
