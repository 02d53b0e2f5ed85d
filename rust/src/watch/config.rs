//! Configuration of the monitor, written by `modules/monitor-config.nix`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Deserializer, de};

use crate::plan::timespan;

/// Format version that this executor understands.
pub const VERSION: u32 = 1;

/// Configuration of the monitor, besides the plans.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Format of this document; see [`VERSION`].
    pub version: u32,
    /// Tolerance before a backup is overdue, added to schedule and randomized delay.
    #[serde(deserialize_with = "time_span")]
    pub grace: Duration,
    /// Absolute path of `systemd-analyze`.
    pub systemd_analyze: PathBuf,
    /// Apprise channels.
    pub apprise: Option<ProgramChannels>,
    /// URLs to request, such as healthchecks.io.
    pub ping: Option<ProgramChannels>,
    /// Notification hooks, by name.
    pub hooks: BTreeMap<String, NotifyHook>,
    /// File for metrics; null for none.
    pub textfile: Option<PathBuf>,
}

/// Channels of one kind, all served by the same program.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramChannels {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Channels by name. The URL of each is in the credential `<kind>-<name>`.
    pub channels: BTreeMap<String, ChannelConfig>,
}

/// Settings of one channel.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelConfig {
    /// Instances whose events are sent; null for all.
    pub instances: Option<Vec<String>>,
}

/// A unit that is started for each event, with the event on its standard input.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotifyHook {
    /// Name of the generated unit.
    pub unit: String,
    /// File that the unit reads as standard input.
    pub input: PathBuf,
    /// Instances whose events are sent; null for all.
    pub instances: Option<Vec<String>>,
}

impl Config {
    /// Reads the configuration in `path`.
    ///
    /// # Errors
    /// The file cannot be read or parsed, or has another version.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let reading = || format!("cannot read {}", path.display());
        let text = std::fs::read(path).with_context(reading)?;
        let mut json = serde_json::Deserializer::from_slice(&text);
        let config: Self = serde_path_to_error::deserialize(&mut json).with_context(reading)?;
        anyhow::ensure!(
            config.version == VERSION,
            "{} has version {}, this executor understands {VERSION}: build the system and the \
             executor from the same revision",
            path.display(),
            config.version
        );
        Ok(config)
    }
}

fn time_span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    timespan::parse(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "`{text}` is not a time span: write it as systemd.time(7) does, such as 1h 30min"
        ))
    })
}
