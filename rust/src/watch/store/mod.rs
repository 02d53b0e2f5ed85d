//! State of the monitor between scans.
//!
//! `events.json` is public: desktop notifications are made from it. `cursor.json` is for
//! the monitor itself, and for `status`. Both are kept twice: below `/var`, and until reboot
//! below `/run`, in case that `/var` is full, read-only or damaged. The newer copy counts.

mod key;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::events::{Event, InstanceState};
use super::uptime::Uptime;
use super::wording;
use crate::base::paths::{Host, write_atomically};
use read::Copy;

/// Format version of both files.
pub const VERSION: u32 = 1;

/// Number of events kept, besides those that some address has yet to receive.
const EVENTS: usize = 200;

/// Number of events beyond which even undelivered ones are dropped.
const MOST: usize = 5000;

/// Content of `events.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Events {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// The last events, oldest first.
    pub events: Vec<Event>,
}

/// Content of `cursor.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Number of times it was written, by which the newer of two copies is known.
    pub generation: u64,
    /// Seconds that the machine had been awake since boot, at the last scan.
    pub awake_seconds: Option<f64>,
    /// Id of the current boot at the last scan.
    pub boot_id: Option<String>,
    /// Time of the last scan, UTC.
    pub scanned: Option<Timestamp>,
    /// The clock was seen to be wrong at the last scan.
    pub clock_wrong: bool,
    /// Id of the last event.
    pub last_event: u64,
    /// State of each instance at the last scan.
    pub instances: BTreeMap<String, InstanceState>,
    /// Delivery state of each address of each channel.
    pub channels: BTreeMap<String, Vec<DeliveryState>>,
}

impl Cursor {
    fn new() -> Self {
        Self {
            version: VERSION,
            generation: 0,
            awake_seconds: None,
            boot_id: None,
            scanned: None,
            clock_wrong: false,
            last_event: 0,
            instances: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }

    /// Seconds that the machine was awake since the last scan.
    #[must_use]
    pub fn awake_since(&self, uptime: &Uptime) -> f64 {
        uptime.since(self.awake_seconds, self.boot_id.as_ref())
    }

    /// Failing channels: the name, the address if there are several, and the failure.
    pub fn failing(&self) -> impl Iterator<Item = (String, &Failing)> {
        self.channels.iter().flat_map(|(key, addresses)| {
            let several = addresses.len() > 1;
            let numbered = (1..).zip(addresses);
            numbered.filter_map(move |(number, state)| {
                let failing = state.failing.as_ref()?;
                Some((address_name(key, several.then_some(number)), failing))
            })
        })
    }
}

/// Name of an address of a channel, for people.
pub(super) fn address_name(key: &str, number: Option<usize>) -> String {
    number.map_or_else(
        || key.to_owned(),
        |number| format!("{key}, address {number}"),
    )
}

/// Delivery state of one address of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeliveryState {
    /// Hash of the address, whatever its position among others; empty for the only one.
    pub address: String,
    /// Id of the last event that was delivered or postponed.
    pub last_event: u64,
    /// Number of times in a row that the next event was refused.
    pub refusals: u32,
    /// Ids of events that were refused while others were accepted, to be tried again.
    pub postponed: BTreeSet<u64>,
    /// Instances changed since the last delivery, for channels that send the health instead
    /// of events.
    pub changed: BTreeSet<String>,
    /// Failure of the last delivery, if it failed.
    pub failing: Option<Failing>,
}

/// Failure of an address.
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
    /// Directories of the copies, the lasting one first.
    places: [PathBuf; 2],
    /// The last events, oldest first.
    pub events: Vec<Event>,
    /// State of instances and channels.
    pub cursor: Cursor,
    /// What has been delivered is not known, and so is assumed not to be.
    pub(super) marks_lost: bool,
    /// Whether each copy could be written the last time.
    written: [bool; 2],
    /// Events in each copy, unless not all of it is understood.
    saved: [Option<Vec<Event>>; 2],
}

impl Store {
    /// Reads both files of a host as far as possible. Damaged ones are kept beside the
    /// new ones, with the suffix `.unreadable`. Returns an error about each of them.
    #[must_use]
    pub fn load(host: &Host, now: Timestamp) -> (Self, Vec<String>) {
        let places = [host.events(), host.monitor_runtime()];
        let copies = Copy::read_both(places.each_ref().map(PathBuf::as_path));
        let mut problems = Vec::new();
        for damage in copies.iter().flat_map(|copy| &copy.damage) {
            problems.push(damage.to_string());
            damage.set_aside();
        }
        let saved = copies.each_ref().map(Copy::sound_events);
        let (cursor, mut events, marks_lost) = read::newest(copies);
        let marks = cursor.channels.values().flatten();
        let mark = marks.map(|state| state.last_event).min();
        let next = mark.map_or(u64::MAX, |mark| mark + 1);
        // Somebody has not received the last event, and it is gone.
        if next <= cursor.last_event && events.last().is_none_or(|e| e.id < cursor.last_event) {
            events.push(wording::lost(cursor.last_event, now));
        }
        let store = Self {
            places,
            events,
            cursor,
            marks_lost,
            written: [true; 2],
            saved,
        };
        (store, problems)
    }

    /// Key for the hashes of addresses.
    #[must_use]
    pub fn address_key(&self) -> String {
        key::load(&self.places)
    }

    /// Adds an event, and drops old ones beyond the limit that every address has received.
    pub fn add(&mut self, event: Event) {
        self.cursor.last_event = event.id;
        self.events.push(event);
        let all = self.cursor.channels.values().flatten();
        let pending = all.flat_map(|state| {
            let postponed = state.postponed.first().copied();
            [Some(state.last_event + 1), postponed]
        });
        let first = pending.flatten().min().unwrap_or(u64::MAX);
        let superfluous = self.events.len().saturating_sub(EVENTS);
        let settled = self.events.partition_point(|event| event.id < first);
        let least = self.events.len().saturating_sub(MOST);
        self.events.drain(..superfluous.min(settled).max(least));
    }

    /// Writes both copies; the events only if there are new ones, so as not to trigger units
    /// that watch the file. Logs what fails, once. Returns whether the lasting copy was
    /// written.
    pub fn save(&mut self) -> bool {
        self.cursor.generation += 1;
        for number in 0..self.places.len() {
            let result = self.save_copy(number);
            if let Err(error) = &result
                && self.written[number]
            {
                log::error!(
                    "{error:#}. Notifications are sent all the same, and may be repeated. Make \
                     room, and make backupservice-notify the owner of {}.",
                    self.places[number].display()
                );
            }
            self.written[number] = result.is_ok();
        }
        self.written[0]
    }

    fn save_copy(&mut self, number: usize) -> Result<()> {
        let place = &self.places[number];
        if self.saved[number].as_ref() != Some(&self.events) {
            // What a failed attempt leaves is not known.
            self.saved[number] = None;
            let events = Events {
                version: VERSION,
                events: self.events.clone(),
            };
            write(&place.join("events.json"), &events)?;
            self.saved[number] = Some(events.events);
        }
        write(&place.join("cursor.json"), &self.cursor)
    }
}

/// Reads the events of a host, for readers other than the monitor.
#[must_use]
pub fn events(host: &Host) -> Vec<Event> {
    read_all(host).1
}

/// Reads the cursor of a host, for readers other than the monitor; none if the monitor has
/// never run, or nothing of it can be read.
#[must_use]
pub fn cursor(host: &Host) -> Option<Cursor> {
    Some(read_all(host).0).filter(|cursor| cursor.generation > 0)
}

fn read_all(host: &Host) -> (Cursor, Vec<Event>, bool) {
    read::newest(Copy::read_both([&host.events(), &host.monitor_runtime()]))
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_vec(value)?;
    write_atomically(path, &json).with_context(|| format!("cannot write {}", path.display()))
}
