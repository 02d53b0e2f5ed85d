//! Locks of a borg repository, and of the cache of it.
//!
//! borg itself removes the locks of processes that are gone and had the `BORG_HOST_ID` that it
//! has. No two holders have the same one, so that it never does so for a clone of this machine,
//! nor for what has the same process id after a reboot.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::Borg;
use super::call::Call;
use crate::base::outcome::{Failure, FailureKind};
use crate::provider::exit_table::ProviderOperation;
use crate::provider::holder::{described, since};
use crate::provider::{Job, Unlocked};

/// Largest `lock.roster` that is read, in bytes.
const MOST: u64 = 1 << 20;

/// Holders of shared locks: `lock.roster`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Roster {
    shared: Vec<(String, u32, u64)>,
}

impl Borg {
    pub(super) fn remove_stale_locks(&self, job: &mut Job<'_>) -> Result<Unlocked, Failure> {
        let own = &self.settings.holder;
        let mut removed = false;
        for gone in own.gone()? {
            // Locks the repository and the cache, under the name of the holder that is gone.
            let looked = Call::new(&self.settings, ProviderOperation::Unlock)
                .by(&gone)
                .arguments(["info"])
                .run(job)?;
            match looked.check() {
                Ok(_) => {
                    removed = true;
                    // Another instance has another cache.
                    if gone.instance() == own.instance() {
                        gone.left_nothing();
                    }
                }
                // It is gone from where there is no repository yet.
                Err(failure) if failure.kind == FailureKind::NoRepository => removed = true,
                Err(failure) if failure.kind == FailureKind::Locked => {}
                Err(failure) => return Err(failure),
            }
        }
        let left = self.locks();
        for lock in &left {
            job.observer.note(&format!("left alone: {lock}"));
        }
        Ok(Unlocked { removed, left })
    }

    /// Describes the locks on this machine; borg cannot list those of a server.
    fn locks(&self) -> Vec<String> {
        let caches = fs::read_dir(&self.settings.caches).into_iter().flatten();
        let caches = caches.flatten().map(|cache| cache.path());
        let mut locks = Vec::new();
        for place in self.settings.local.iter().cloned().chain(caches) {
            let exclusive = place.join("lock.exclusive");
            let names = fs::read_dir(&exclusive).into_iter().flatten().flatten();
            for name in names.map(|entry| entry.path()) {
                locks.extend(describe_exclusive(&exclusive, &name));
            }
            locks.extend(shared(&place.join("lock.roster")));
        }
        locks
    }
}

fn describe_exclusive(lock: &Path, name: &Path) -> Option<String> {
    let (holder, _thread) = name.file_name()?.to_str()?.rsplit_once('-')?;
    let (host, pid) = holder.rsplit_once('.')?;
    Some(describe("exclusive", lock, host, pid, modified(name)?))
}

fn shared(file: &Path) -> Vec<String> {
    let roster = crate::base::untrusted::read(file, MOST).ok();
    let roster: Roster = roster
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    let describe = |(host, pid, _): (String, u32, u64)| {
        let time = modified(file)?;
        Some(describe("shared", file, &host, &pid.to_string(), time))
    };
    roster.shared.into_iter().filter_map(describe).collect()
}

fn describe(kind: &str, lock: &Path, host: &str, pid: &str, time: Timestamp) -> String {
    let since = since(time);
    let lock = lock.display();
    let text = format!("the {kind} lock {lock} of process {pid} on {host}, {since}");
    described(&text)
}

fn modified(path: &Path) -> Option<Timestamp> {
    let time = path.symlink_metadata().ok()?.modified().ok()?;
    Timestamp::try_from(time).ok()
}
