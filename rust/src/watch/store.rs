//! State of the monitor between scans.
//!
//! `events.json` is public: desktop notifications are made from it. `cursor.json` is for
//! the monitor itself, and for `status`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::events::{Event, InstanceState};
use crate::base::paths::write_atomically;

/// Format version of both files.
pub const VERSION: u32 = 1;

/// Number of events kept.
const EVENTS: usize = 200;

/// Content of `events.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// The last events, oldest first.
    pub events: Vec<Event>,
}

/// Content of `cursor.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Seconds that the machine had been awake since boot, at the last scan.
    pub awake_seconds: Option<f64>,
    /// Id of the last event.
    pub last_event: u64,
    /// State of each instance at the last scan.
    pub instances: BTreeMap<String, InstanceState>,
    /// Delivery state of each channel.
    pub channels: BTreeMap<String, DeliveryState>,
}

/// Delivery state of one channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryState {
    /// Id of the last delivered event.
    pub last_event: u64,
    /// Instances changed since the last delivery, for channels that send the health instead
    /// of events.
    pub changed: BTreeSet<String>,
    /// Failure of the last delivery, if it failed.
    pub failing: Option<Failing>,
}

/// Failure of a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// First failed delivery, UTC.
    pub since: Timestamp,
    /// Cause and remedy, without secrets.
    pub error: String,
}

/// Both files in memory.
#[derive(Debug)]
pub struct Store {
    place: PathBuf,
    /// The last events, oldest first.
    pub events: Vec<Event>,
    /// State of instances and channels.
    pub cursor: Cursor,
}

impl Store {
    /// Reads both files in the directory `place`.
    ///
    /// # Errors
    /// A file cannot be read or parsed.
    pub fn load(place: &Path) -> Result<Self> {
        let cursor: Option<Cursor> = read(&place.join("cursor.json"))?;
        let cursor = cursor.unwrap_or_else(|| Cursor {
            version: VERSION,
            awake_seconds: None,
            last_event: 0,
            instances: BTreeMap::new(),
            channels: BTreeMap::new(),
        });
        let events: Option<Events> = read(&place.join("events.json"))?;
        let mut events = events.map_or_else(Vec::new, |events| events.events);
        // From a scan that was killed before it wrote the cursor: these are found again.
        events.retain(|event| event.id <= cursor.last_event);
        Ok(Self {
            place: place.to_owned(),
            events,
            cursor,
        })
    }

    /// Adds an event, and drops the oldest one beyond the limit.
    pub fn add(&mut self, event: Event) {
        self.cursor.last_event = event.id;
        self.events.push(event);
        let superfluous = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..superfluous);
    }

    /// Writes both files; the events only if there are new ones, so as not to trigger units
    /// that watch the file.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self) -> Result<()> {
        let path = self.place.join("events.json");
        let before: Option<Events> = read(&path).ok().flatten();
        let events = Events {
            version: VERSION,
            events: self.events.clone(),
        };
        if before.as_ref() != Some(&events) {
            write(&path, &events)?;
        }
        write(&self.place.join("cursor.json"), &self.cursor)
    }
}

/// Reads the events in the directory `place`, for readers other than the monitor.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn events(place: &Path) -> Result<Vec<Event>> {
    let events: Option<Events> = read(&place.join("events.json"))?;
    Ok(events.map_or_else(Vec::new, |events| events.events))
}

/// Reads the cursor in the directory `place`, for readers other than the monitor.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn cursor(place: &Path) -> Result<Option<Cursor>> {
    read(&place.join("cursor.json"))
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec(value)?;
    write_atomically(path, &json).with_context(|| format!("cannot write {}", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&text).map(Some).with_context(|| {
        format!(
            "{} is damaged; remove it, which only loses notifications that were not sent yet",
            path.display()
        )
    })
}
