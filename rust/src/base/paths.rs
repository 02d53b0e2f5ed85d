//! Paths of all files, below a root that tests can change.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::base::untrusted;

/// Largest JSON file that is read, in bytes: more than any of them needs.
const LIMIT: u64 = 16 << 20;

/// Paths of the host, below a root (`/` except in tests).
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// All paths below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Plans of all instances, `<name>.json` each.
    #[must_use]
    pub fn plans(&self) -> PathBuf {
        self.root.join("etc/backupservice/plans")
    }

    /// What the configuration declares to be data, and whether an instance saves it.
    #[must_use]
    pub fn coverage(&self) -> PathBuf {
        self.root.join("etc/backupservice/coverage.json")
    }

    /// Names of the instances with a state directory, including those no longer configured,
    /// sorted.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn known_instances(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join("var/lib/backupservice")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let is_directory = entry.file_type()?.is_dir();
            names.extend(
                entry
                    .file_name()
                    .into_string()
                    .ok()
                    // Instance names have no leading dot.
                    .filter(|name| is_directory && !name.starts_with('.')),
            );
        }
        names.sort();
        Ok(names)
    }

    /// State of the monitor: `events.json` and `cursor.json`.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.root.join("var/lib/backupservice/.events")
    }

    /// State of the monitor until reboot: a copy of the files in [`Self::events`], in case that
    /// these can be neither written nor read, and its lock.
    #[must_use]
    pub fn monitor_runtime(&self) -> PathBuf {
        self.root.join("run/backupservice-watch")
    }

    /// Socket of the unit that reads the snapshots of an instance; its directory belongs to root.
    #[must_use]
    pub fn browse_socket(&self, name: &str) -> PathBuf {
        self.root.join("run/backupservice-browse").join(name)
    }

    /// The directories of one instance.
    #[must_use]
    pub fn instance(&self, name: &str) -> InstancePaths {
        InstancePaths {
            state: self.root.join("var/lib/backupservice").join(name),
            runtime: self.root.join("run/backupservice").join(name),
            cache: self.root.join("var/cache/backupservice").join(name),
            provider: self
                .root
                .join("var/lib/backupservice")
                .join(name)
                .join("provider"),
            locks: self.root.join("run/backupservice/.locks"),
            holders: self.root.join("var/lib/backupservice/.holders"),
        }
    }
}

/// The directories of one instance: `StateDirectory=`, `RuntimeDirectory=` and
/// `CacheDirectory=` of its units.
#[derive(Clone, Debug)]
pub struct InstancePaths {
    /// Persistent: records, intent journal of a backup.
    pub state: PathBuf,
    /// Until reboot: state of a run, lock, requests.
    pub runtime: PathBuf,
    /// Disposable: the provider's cache.
    pub cache: PathBuf,
    /// Persistent state of the provider.
    pub provider: PathBuf,
    /// Locks of resources that instances share. Instance names have no leading dot.
    pub locks: PathBuf,
    /// Persistent, of all instances: which of their processes may hold locks in repositories.
    pub holders: PathBuf,
}

impl InstancePaths {
    /// Record of the last finished run.
    #[must_use]
    pub fn last_run(&self) -> PathBuf {
        self.state.join("last-run.json")
    }

    /// Records of the last runs, oldest first.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.state.join("history.json")
    }

    /// Records of the last restores, oldest first.
    #[must_use]
    pub fn restores_history(&self) -> PathBuf {
        self.state.join("restores.json")
    }

    /// Record of the last finished maintenance.
    #[must_use]
    pub fn last_maintenance(&self) -> PathBuf {
        self.state.join("last-maintenance.json")
    }

    /// Last result of each step of maintenance.
    #[must_use]
    pub fn last_results(&self) -> PathBuf {
        self.state.join("last-results.json")
    }

    /// State of the maintenance in progress.
    #[must_use]
    pub fn maintenance_state(&self) -> PathBuf {
        self.runtime.join("maintenance-state.json")
    }

    /// Intent journal of a backup: changes that must still be undone.
    #[must_use]
    pub fn intent(&self) -> PathBuf {
        self.state.join("intent.json")
    }

    /// The record of the last success, kept however many runs have failed since.
    #[must_use]
    pub fn last_success(&self) -> PathBuf {
        self.state.join("last-success.json")
    }

    /// The repository that holds the last snapshot.
    #[must_use]
    pub fn repository_identity(&self) -> PathBuf {
        self.state.join("repository.json")
    }

    /// Intent journal of a restore, where no backup can write.
    #[must_use]
    pub fn restore_intent(&self) -> PathBuf {
        self.restores().join("intent.json")
    }

    /// Dumps that a restore loads, each named like its stream, where no backup can write.
    #[must_use]
    pub fn restored_dumps(&self) -> PathBuf {
        self.restores().join("staging")
    }

    /// Directories of the provider of a restore. It has more rights than that
    /// of a backup, and must not write through links that a backup has prepared.
    #[must_use]
    pub fn for_restore(&self) -> Self {
        Self {
            cache: self.cache.with_file_name(".restores").join(self.name()),
            provider: self.restores().join("provider"),
            ..self.clone()
        }
    }

    /// Name of the instance.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        self.state.file_name().unwrap_or_default()
    }

    fn restores(&self) -> PathBuf {
        self.state.with_file_name(".restores").join(self.name())
    }

    /// Time span of the snapshots that a killed run may have left; the next run marks them.
    #[must_use]
    pub fn unverified(&self) -> PathBuf {
        self.state.join("unverified.json")
    }

    /// Directory of dumps, each named like its stream. It belongs to root, and the files to
    /// `backupservice`: systemd opens them as root, so nobody else may replace their names.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.state.with_file_name(".staging").join(self.name())
    }

    /// State of the run in progress.
    #[must_use]
    pub fn run_state(&self) -> PathBuf {
        self.runtime.join("state.json")
    }

    /// Units that instances keep stopped, shared by all instances.
    #[must_use]
    pub fn stopped_units(&self) -> PathBuf {
        self.runtime.with_file_name(".stopped")
    }

    /// Lock of a run or restore in progress. Not held during maintenance, for which `recover`
    /// must not wait.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.runtime.join("lock")
    }

    /// Facts for the next hook.
    #[must_use]
    pub fn hook_facts(&self) -> PathBuf {
        self.runtime.join("hook.json")
    }

    /// Request to accept the current data size in the next run.
    #[must_use]
    pub fn accept_shrink(&self) -> PathBuf {
        self.runtime.join("accept-shrink")
    }

    /// Asks the next run to accept whatever repository there is, or to create one.
    #[must_use]
    pub fn new_repository(&self) -> PathBuf {
        self.runtime.join("new-repository")
    }

    /// Run id of the waiting run that is not to wait for its conditions any longer. The D-Bus
    /// service can write it, but nothing else of the instance.
    #[must_use]
    pub fn demand(&self) -> PathBuf {
        self.runtime.with_file_name(".demands").join(self.name())
    }

    /// Run id of the failed run whose next attempts are cancelled. Written and readable by the
    /// same as [`Self::demand`].
    #[must_use]
    pub fn cancelled_retries(&self) -> PathBuf {
        // No instance has such a name.
        let mut name = self.name().to_owned();
        name.push(":cancelled");
        self.runtime.with_file_name(".demands").join(name)
    }

    /// Answer to whether a repository on the network exists.
    #[must_use]
    pub fn existence(&self) -> PathBuf {
        self.runtime.join("exists.json")
    }

    /// Result of `prepare`.
    #[must_use]
    pub fn prepare_verdict(&self) -> PathBuf {
        self.runtime.join("prepare.json")
    }

    /// Request for one restore, which its unit is named after. It says where a unit with
    /// many rights writes: only root may change its directory, unlike those of the instance.
    #[must_use]
    pub fn restore_request(&self, id: &str) -> PathBuf {
        let requests = self.runtime.with_file_name(".requests");
        let instance = self.runtime.file_name().unwrap_or_default();
        requests.join(instance).join(format!("{id}.json"))
    }

    /// State of the restore in progress.
    #[must_use]
    pub fn restore_state(&self) -> PathBuf {
        self.runtime.join("restore-state.json")
    }

    /// Request to the next maintenance to check only.
    #[must_use]
    pub fn check_only(&self) -> PathBuf {
        self.runtime.join("check-only")
    }

    /// Result of the last restore.
    #[must_use]
    pub fn restore_result(&self) -> PathBuf {
        self.runtime.join("restore-result.json")
    }

    /// Snapshots listed by the `-snapshots` unit.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.runtime.join("snapshots.json")
    }
}

/// Who may read a file, besides root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody.
    All,
    /// The owner and the group.
    Group,
    /// The owner.
    Owner,
}

/// Writes a file that everybody may read; see [`write_for`].
///
/// # Errors
/// The file cannot be written, such as for lack of space or permission.
pub fn write_atomically(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    write_for(Readers::All, path, contents)
}

/// Writes a file atomically: readers, and the disk after a crash, have the old or the new
/// contents. Its mode does not depend on the umask.
///
/// The directory may belong to a less privileged user than the writer: the temporary file is
/// always newly created, so that no planted link is followed.
///
/// # Errors
/// The file cannot be written, such as for lack of space or permission.
pub fn write_for(readers: Readers, path: &Path, contents: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    remove_if_there(Path::new(&temporary))?;
    let mode = match readers {
        Readers::All => 0o644,
        Readers::Group => 0o640,
        Readers::Owner => 0o600,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Reads a JSON file of ours; `None` if it does not exist. See [`untrusted::read`].
///
/// # Errors
/// The file cannot be read, is larger than 16 MiB, or is not of this form.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let json = match untrusted::read(path, LIMIT) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let value = serde_json::from_slice(&json)
        .with_context(|| format!("{} is damaged; move it elsewhere", path.display()))?;
    Ok(Some(value))
}

/// Removes a file, if it exists.
///
/// # Errors
/// The file exists and cannot be removed.
pub fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a rename or removal in the directory of `path` durable.
///
/// # Errors
/// The directory cannot be opened or synchronized.
pub fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    std::fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_planted_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "untouched").unwrap();
        let file = directory.path().join("request.json");
        std::os::unix::fs::symlink(&victim, directory.path().join("request.json.new")).unwrap();

        write_atomically(&file, b"{}").unwrap();

        assert_eq!(std::fs::read_to_string(victim).unwrap(), "untouched");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o644);
        write_for(Readers::Group, &file, b"").unwrap();
        assert_eq!(mode(), 0o640);
        write_for(Readers::Owner, &file, b"").unwrap();
        assert_eq!(mode(), 0o600);
    }
}
