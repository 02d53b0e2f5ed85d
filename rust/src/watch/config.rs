//! Who is to be told, as `modules/monitor-config.nix` writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Deserializer, de};

use crate::plan::timespan;

/// The version of the format that this executor understands.
pub const VERSION: u32 = 1;

/// What the watch needs to know besides the plans.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Format of this document; see [`VERSION`].
    pub version: u32,
    /// A backup may be so much later than its schedule says, randomized delay included.
    #[serde(deserialize_with = "time_span")]
    pub grace: Duration,
    /// Absolute path of `systemd-analyze`.
    pub systemd_analyze: PathBuf,
    /// Services that Apprise knows how to reach.
    pub apprise: Option<Called>,
    /// URLs that are requested.
    pub ping: Option<Called>,
    /// Units that are started, by the name of the hook.
    pub hooks: BTreeMap<String, NotifyHook>,
    /// Where metrics are written, if they are.
    pub textfile: Option<PathBuf>,
}

/// Channels that call a program.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Called {
    /// Absolute path.
    pub program: PathBuf,
    /// By name. Each has its URL in a credential of that name.
    pub channels: BTreeMap<String, ChannelConfig>,
}

/// One of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelConfig {
    /// Whose news go there; everybody's if null.
    pub instances: Option<Vec<String>>,
}

/// A unit that is started for each event, with the event on its standard input.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotifyHook {
    /// The generated unit.
    pub unit: String,
    /// The file that is its standard input.
    pub input: PathBuf,
    /// Whose news go there; everybody's if null.
    pub instances: Option<Vec<String>>,
}

impl Config {
    /// Reads the configuration in `path`.
    ///
    /// # Errors
    /// It cannot be read, or is none.
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
