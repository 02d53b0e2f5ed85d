//! What was seen and told, kept from look to look.
//!
//! `events.json` is for everybody: desktops show what is new in it. `cursor.json` is for
//! the watch, and for `status`.

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

/// The version of both files.
pub const VERSION: u32 = 1;

/// So many events are kept.
const EVENTS: usize = 200;

/// `events.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// The last ones, oldest first.
    pub events: Vec<Event>,
}

/// `cursor.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// For so many seconds the machine had been awake when it was looked at last.
    pub awake: Option<f64>,
    /// The number of the last event.
    pub last_event: u64,
    /// What was seen of each instance.
    pub instances: BTreeMap<String, InstanceState>,
    /// What was told to whom.
    pub channels: BTreeMap<String, DeliveryState>,
}

/// What one channel was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryState {
    /// The number of the last event that arrived.
    pub event: u64,
    /// Instances of which there is news that did not arrive; for channels that tell how
    /// things are, and not what happened.
    pub news: BTreeSet<String>,
    /// Why nothing arrives.
    pub failing: Option<Failing>,
}

/// A channel that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// Since when, UTC.
    pub since: Timestamp,
    /// Why, without anything secret.
    pub error: String,
}

/// Both files.
#[derive(Debug)]
pub struct Store {
    place: PathBuf,
    /// What happened.
    pub events: Vec<Event>,
    /// What was seen and told.
    pub cursor: Cursor,
}

impl Store {
    /// Reads both files in `place`.
    ///
    /// # Errors
    /// One of them cannot be read, or is not what it should be.
    pub fn load(place: &Path) -> Result<Self> {
        let cursor: Option<Cursor> = read(&place.join("cursor.json"))?;
        let cursor = cursor.unwrap_or_else(|| Cursor {
            version: VERSION,
            awake: None,
            last_event: 0,
            instances: BTreeMap::new(),
            channels: BTreeMap::new(),
        });
        let events: Option<Events> = read(&place.join("events.json"))?;
        let mut events = events.map_or_else(Vec::new, |events| events.events);
        // Written by a watch that died before it wrote the cursor: they are found again.
        events.retain(|event| event.id <= cursor.last_event);
        Ok(Self {
            place: place.to_owned(),
            events,
            cursor,
        })
    }

    /// Adds an event, and forgets the oldest.
    pub fn add(&mut self, event: Event) {
        self.cursor.last_event = event.id;
        self.events.push(event);
        let superfluous = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..superfluous);
    }

    /// Writes both files; the events only if there are new ones, so that who waits for
    /// that is not woken up for nothing.
    ///
    /// # Errors
    /// One of them cannot be written.
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

/// The events of a machine, for those who are not the watch.
///
/// # Errors
/// The file cannot be read, or is not what it should be.
pub fn events(place: &Path) -> Result<Vec<Event>> {
    let events: Option<Events> = read(&place.join("events.json"))?;
    Ok(events.map_or_else(Vec::new, |events| events.events))
}

/// What the watch has seen, for those who are not the watch.
///
/// # Errors
/// The file cannot be read, or is not what it should be.
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
            "{} is not what it should be: remove it, and nothing is lost but what was not told yet",
            path.display()
        )
    })
}
