//! The plan: what Nix decided, as the executor reads it.

mod check;
#[cfg(test)]
pub(crate) mod fixture;
mod parse;
pub mod pattern;
mod places;
mod repository;
pub mod store_path;
pub mod timespan;
mod units;

use std::path::PathBuf;

use serde::Deserialize;

pub(crate) use repository::borg_location;

pub use check::{Finding, Problems, StorePolicy, check_instance_name};

/// The version of the plan format that this executor understands.
pub const VERSION: u32 = 1;

/// One instance, as `modules/plan.nix` writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Format of this document; see [`VERSION`].
    pub version: u32,
    /// Name under `backupservice.instances`.
    pub instance: String,
    /// The backup program and how it is called.
    pub provider: ProviderSettings,
    /// Where snapshots are kept.
    pub repository: Repository,
    /// Absolute paths whose contents are promised.
    pub sources: Vec<PathBuf>,
    /// Exclude patterns in the contract's syntax.
    pub exclude: Vec<String>,
    /// What is mounted below a source is not saved with it.
    pub one_file_system: bool,
    /// Databases, dumped into the same snapshot.
    pub streams: Vec<Stream>,
    /// Units to start around the run.
    pub hooks: Hooks,
    /// Units stopped while the data is read.
    pub quiesce: Vec<String>,
    /// Units stopped during a restore.
    pub restore_units: Vec<String>,
    /// Which snapshots are kept.
    pub retention: Retention,
    /// How the repository is kept in order.
    pub maintenance: Maintenance,
    /// What makes a backup suspect.
    pub guards: Guards,
    /// What a scheduled backup waits for.
    pub conditions: Conditions,
    /// So many instances of this machine work at once, if there is a limit.
    pub max_concurrent: Option<u32>,
    /// When a backup is to be made.
    pub schedule: Schedule,
}

/// When a backup is to be made, as its timer has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// A calendar event of systemd.
    pub calendar: String,
    /// At most so much later, a time span of systemd.
    pub randomized_delay: String,
}

/// What a scheduled backup waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// Mains power.
    pub ac_power: bool,
    /// A network that is not known to be metered.
    pub unmetered_network: bool,
}

/// What makes a backup suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guards {
    /// Data that lost more percent than this since the last complete snapshot, if that
    /// is looked at.
    pub max_shrink: Option<u8>,
}

/// So many snapshots are kept of each kind; with none at all, every snapshot is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// The last ones.
    pub last: Option<u32>,
    /// The last one of each of the last so many hours that have one.
    pub hourly: Option<u32>,
    /// Likewise, of days.
    pub daily: Option<u32>,
    /// Likewise, of weeks.
    pub weekly: Option<u32>,
    /// Likewise, of months.
    pub monthly: Option<u32>,
    /// Likewise, of years.
    pub yearly: Option<u32>,
}

impl Retention {
    /// The rules there are, by the names of their fields.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, u32)> {
        [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ]
        .into_iter()
        .filter_map(|(name, count)| Some((name, count?)))
    }
}

/// How the repository is kept in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Maintenance {
    /// So many percent of the stored data are read by each check.
    pub read_data: u8,
}

/// Which program makes the snapshots.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderSettings {
    /// Which implementation of [`crate::provider::Provider`] drives it.
    #[serde(rename = "type")]
    pub kind: ProviderKind,
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Directories put into the program's `PATH` (ssh, rclone).
    pub path: Vec<PathBuf>,
}

/// The implementations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// borg, 1.4 (for its exit codes).
    Borg,
    /// restic, 0.17 or newer (for its exit codes).
    Restic,
}

/// Where snapshots are kept, and what opens it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repository {
    /// Path or URL; none when it comes in the credential `repository`.
    pub path: Option<String>,
    /// Mount point that a local `path` lies on and that must be mounted.
    pub mount_point: Option<PathBuf>,
    /// Each credential's file on the host, by credential name, for messages
    /// only: the executor reads `$CREDENTIALS_DIRECTORY`.
    pub credentials: Credentials,
    /// The password was generated by `backupservice secrets`.
    pub password_generated: bool,
}

/// Files that systemd hands over as credentials, named by their field in kebab case.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// `password`: opens the repository.
    pub password: PathBuf,
    /// `repository`: holds the path or URL.
    pub repository: Option<PathBuf>,
    /// `environment`: variables for the provider, in systemd's `EnvironmentFile` syntax.
    pub environment: Option<PathBuf>,
    /// `ssh-key`: private key for SFTP or ssh.
    pub ssh_key: Option<PathBuf>,
    /// `ssh-known-hosts`: host keys that are accepted.
    pub ssh_known_hosts: Option<PathBuf>,
}

/// A database: dumped to the staging directory by one unit, loaded by another.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stream {
    /// Name; also the file name below the staging directory.
    pub name: String,
    /// Unit whose standard output is truncated into the staged file.
    pub dump_unit: String,
    /// Unit whose standard input is the staged file.
    pub load_unit: String,
}

/// Hook units by phase, in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hooks {
    /// Before the data is read; a failure fails the run.
    pub before_backup: Vec<Hook>,
    /// After the run, whatever its outcome.
    pub after_backup: Vec<Hook>,
    /// Before a restore changes anything.
    pub before_restore: Vec<Hook>,
    /// After a restore, whatever its outcome.
    pub after_restore: Vec<Hook>,
}

/// One hook: a unit to start.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hook {
    /// Name given in the contract, or its position.
    pub name: String,
    /// The generated unit.
    pub unit: String,
}
