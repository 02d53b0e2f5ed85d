//! Where everything is kept on a machine, below a root that tests move.

use std::path::{Path, PathBuf};

/// The directories of the host, below a root (`/` except in tests).
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// Everything below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Plans of all instances, `<name>.json` each.
    #[must_use]
    pub fn plans(&self) -> PathBuf {
        self.root.join("etc/backupservice/plans")
    }

    /// The instances that have a state directory, also those that are not configured any
    /// more, by name.
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
                    // No instance's name has a leading dot.
                    .filter(|name| is_directory && !name.starts_with('.')),
            );
        }
        names.sort();
        Ok(names)
    }

    /// What the watch has seen and told: `events.json` and `cursor.json`.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.root.join("var/lib/backupservice/.events")
    }

    /// The directories of one instance.
    #[must_use]
    pub fn instance(&self, name: &str) -> InstancePaths {
        InstancePaths {
            state: self.root.join("var/lib/backupservice").join(name),
            runtime: self.root.join("run/backupservice").join(name),
            cache: self.root.join("var/cache/backupservice").join(name),
            locks: self.root.join("run/backupservice/.locks"),
        }
    }
}

/// The directories of one instance: `StateDirectory=`, `RuntimeDirectory=` and
/// `CacheDirectory=` of its units.
#[derive(Clone, Debug)]
pub struct InstancePaths {
    /// Kept: records, intent journal, staged dumps.
    pub state: PathBuf,
    /// Until reboot: state of a run, lock, requests.
    pub runtime: PathBuf,
    /// May be deleted: the provider's cache.
    pub cache: PathBuf,
    /// Of all instances: locks of what they share. No instance's name has a leading dot.
    pub locks: PathBuf,
}

impl InstancePaths {
    /// The record of the last run that ended.
    #[must_use]
    pub fn last_run(&self) -> PathBuf {
        self.state.join("last-run.json")
    }

    /// The records of the last runs, oldest first.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.state.join("history.json")
    }

    /// The record of the last maintenance that ended.
    #[must_use]
    pub fn last_maintenance(&self) -> PathBuf {
        self.state.join("last-maintenance.json")
    }

    /// The state of the maintenance under way.
    #[must_use]
    pub fn maintenance_state(&self) -> PathBuf {
        self.runtime.join("maintenance-state.json")
    }

    /// What still has to be undone.
    #[must_use]
    pub fn intent(&self) -> PathBuf {
        self.state.join("intent.json")
    }

    /// Time span of the snapshots that a killed run may have left; the next run marks them.
    #[must_use]
    pub fn unverified(&self) -> PathBuf {
        self.state.join("unverified.json")
    }

    /// Kept by the provider from run to run, unlike its cache.
    #[must_use]
    pub fn provider_state(&self) -> PathBuf {
        self.state.join("provider")
    }

    /// Directory of dumps, each named like its stream.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.state.join("staging")
    }

    /// The state of the run under way.
    #[must_use]
    pub fn run_state(&self) -> PathBuf {
        self.runtime.join("state.json")
    }

    /// The units that instances keep stopped, shared by all instances.
    #[must_use]
    pub fn stopped_units(&self) -> PathBuf {
        self.runtime.with_file_name(".stopped")
    }

    /// Held while a run or restore is under way. Not during maintenance: `recover` must
    /// never have to wait for that.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.runtime.join("lock")
    }

    /// Variables of the next hook.
    #[must_use]
    pub fn hook_environment(&self) -> PathBuf {
        self.runtime.join("hook.env")
    }

    /// Asks the next run to take whatever size the data has.
    #[must_use]
    pub fn accept_shrink(&self) -> PathBuf {
        self.runtime.join("accept-shrink")
    }

    /// Asks the run that waits for its conditions to wait no longer.
    #[must_use]
    pub fn demand(&self) -> PathBuf {
        self.runtime.join("now")
    }

    /// What `prepare` found.
    #[must_use]
    pub fn prepare_verdict(&self) -> PathBuf {
        self.runtime.join("prepare.json")
    }

    /// What a restore unit is asked to do besides its defaults.
    #[must_use]
    pub fn restore_request(&self) -> PathBuf {
        self.runtime.join("restore-request.json")
    }

    /// The state of the restore under way.
    #[must_use]
    pub fn restore_state(&self) -> PathBuf {
        self.runtime.join("restore-state.json")
    }

    /// Asks the next maintenance only to check.
    #[must_use]
    pub fn check_only(&self) -> PathBuf {
        self.runtime.join("check-only")
    }

    /// How the last restore ended.
    #[must_use]
    pub fn restore_result(&self) -> PathBuf {
        self.runtime.join("restore-result.json")
    }

    /// The answer of the snapshots unit.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.runtime.join("snapshots.json")
    }
}

/// Writes `contents` so that a reader sees the old file or the new one, and a
/// crash leaves one of the two. Mode 0644 whatever the umask.
///
/// The directory may belong to a less privileged user than the writer: the
/// temporary file is always created anew, so that a planted link is not followed.
///
/// # Errors
/// Whatever the file system says: no space, no permission.
pub fn write_atomically(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    remove_if_there(Path::new(&temporary))?;
    let mut file = std::fs::File::create_new(&temporary)?;
    // Whatever the umask: people and other programs read these files.
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Removes a file; one that is not there is as good as removed.
///
/// # Errors
/// Whatever the file system says besides "not found".
pub fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a rename or removal in the directory of `path` durable.
///
/// # Errors
/// Whatever the file system says.
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
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}
