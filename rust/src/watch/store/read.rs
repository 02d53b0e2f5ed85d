//! Reading of files that a crash, a full disk or another version may have left.
//!
//! Every instance, channel and event is read by itself, so that one that is not understood
//! costs nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Cursor, VERSION};
use crate::base::paths::write_atomically;
use crate::watch::events::Event;

/// The files in one directory, as far as they can be read.
#[derive(Debug, Default)]
pub(super) struct Copy {
    cursor: Option<Cursor>,
    /// Something about deliveries was not understood.
    marks_lost: bool,
    events: Vec<Event>,
    /// Content of their file, and whether all of it is understood.
    file: Option<Vec<u8>>,
    is_sound: bool,
    pub(super) damage: Vec<Damage>,
}

/// A file of which not everything is understood.
#[derive(Debug)]
pub(super) struct Damage {
    path: PathBuf,
    content: Option<Vec<u8>>,
    reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "{path} cannot be read in full: {}. The rest is used; what was sent before may be \
             sent again",
            self.reason
        )
    }
}

impl Damage {
    /// Keeps a copy of the file, which is about to be replaced.
    pub(super) fn set_aside(&self) {
        let Some(content) = &self.content else { return };
        let mut path = self.path.as_os_str().to_owned();
        path.push(".unreadable");
        if let Err(error) = write_atomically(Path::new(&path), content) {
            log::warn!("cannot keep a copy of {}: {error}", self.path.display());
        }
    }
}

/// The newer cursor, the events of both copies, and whether deliveries are unknown.
pub(super) fn newest(copies: [Copy; 2]) -> (Cursor, Vec<Event>, bool) {
    let mut copies = copies;
    let generation = |copy: &Copy| copy.cursor.as_ref().map(|cursor| cursor.generation);
    if generation(&copies[0]) < generation(&copies[1]) {
        copies.swap(0, 1);
    }
    let [first, second] = copies;
    let found = first.cursor.is_some();
    let mut cursor = first.cursor.unwrap_or_else(Cursor::new);
    let mut events: BTreeMap<u64, Event> = BTreeMap::new();
    for event in first.events.into_iter().chain(second.events) {
        events.entry(event.id).or_insert(event);
    }
    if found {
        // From a scan that was killed before it wrote the cursor: these are found again.
        events.retain(|id, _| *id <= cursor.last_event);
    } else if let Some((last, _)) = events.last_key_value() {
        cursor.last_event = *last;
    }
    let marks_lost = first.marks_lost || (!found && !events.is_empty());
    (cursor, events.into_values().collect(), marks_lost)
}

impl Copy {
    /// Reads both files in each directory.
    pub(super) fn read_both(places: [&Path; 2]) -> [Self; 2] {
        let first = Self::read(places[0], None);
        let second = Self::read(places[1], Some(&first));
        [first, second]
    }

    /// Reads both files in a directory; what is the same in the other one only once.
    fn read(place: &Path, other: Option<&Self>) -> Self {
        let mut copy = Self::default();
        let mut reader = Reader::new(place.join("cursor.json"));
        if let Some(object) = reader.object() {
            let instances = reader.each(&object, "instances");
            let before = reader.reason.is_some();
            let channels = reader.each(&object, "channels");
            copy.marks_lost = !before && reader.reason.is_some();
            let text = |field: &str| object.get(field).and_then(Value::as_str);
            let number = |field: &str| object.get(field).and_then(Value::as_u64);
            if let (Some(last_event), Some(generation)) =
                (number("lastEvent"), number("generation"))
            {
                copy.cursor = Some(Cursor {
                    generation,
                    awake_seconds: object.get("awakeSeconds").and_then(Value::as_f64),
                    boot_id: text("bootId").map(str::to_owned),
                    scanned: text("scanned").and_then(|time| time.parse().ok()),
                    clock_wrong: object.get("clockWrong") == Some(&Value::Bool(true)),
                    last_event,
                    instances,
                    channels,
                    ..Cursor::new()
                });
            } else {
                reader.complain("lastEvent or generation is missing".to_owned());
            }
        }
        copy.damage.extend(reader.finish());
        let mut reader = Reader::new(place.join("events.json"));
        let same = other.filter(|other| other.is_sound && other.file == reader.content);
        if let Some(same) = same {
            (copy.events, copy.is_sound) = (same.events.clone(), true);
        } else {
            copy.events = reader.events();
            copy.is_sound = reader.content.is_some() && reader.reason.is_none();
        }
        copy.file.clone_from(&reader.content);
        copy.damage.extend(reader.finish());
        copy
    }

    /// The events; none unless all of them are understood.
    pub(super) fn sound_events(&self) -> Option<Vec<Event>> {
        self.is_sound.then(|| self.events.clone())
    }
}

/// A file, and the first thing about it that is not understood.
struct Reader {
    path: PathBuf,
    content: Option<Vec<u8>>,
    reason: Option<String>,
}

impl Reader {
    fn new(path: PathBuf) -> Self {
        let (content, reason) = match fs::read(&path) {
            Ok(content) => (Some(content), None),
            Err(error) if error.kind() == ErrorKind::NotFound => (None, None),
            // The parent may be no directory, which writing will report.
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            path,
            content,
            reason,
        }
    }

    fn complain(&mut self, reason: String) {
        self.reason.get_or_insert(reason);
    }

    fn finish(self) -> Option<Damage> {
        let reason = self.reason?;
        Some(Damage {
            path: self.path,
            content: self.content,
            reason,
        })
    }

    fn object(&mut self) -> Option<Map<String, Value>> {
        match serde_json::from_slice(self.content.as_ref()?) {
            Ok(Value::Object(object)) => {
                let version = object.get("version").and_then(Value::as_u64);
                if version != Some(VERSION.into()) {
                    let version = version.map_or_else(|| "none".to_owned(), |v| v.to_string());
                    self.complain(format!("its version is {version}, not {VERSION}"));
                }
                Some(object)
            }
            Ok(_) => {
                self.complain("it is no JSON object".to_owned());
                None
            }
            Err(error) => {
                self.complain(error.to_string());
                None
            }
        }
    }

    /// The values of an object in the field `name`, without those that are not understood.
    fn each<T: DeserializeOwned>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
    ) -> BTreeMap<String, T> {
        let Some(Value::Object(items)) = object.get(name) else {
            self.complain(format!("{name} is missing"));
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for (key, value) in items {
            match T::deserialize(value) {
                Ok(value) => drop(all.insert(key.clone(), value)),
                Err(error) => self.complain(format!("{name}, {key}: {error}")),
            }
        }
        all
    }

    fn events(&mut self) -> Vec<Event> {
        let Some(object) = self.object() else {
            return Vec::new();
        };
        let Some(Value::Array(items)) = object.get("events") else {
            self.complain("events is missing".to_owned());
            return Vec::new();
        };
        let mut events = Vec::new();
        for item in items {
            match serde::Deserialize::deserialize(item) {
                Ok(event) => events.push(event),
                Err(error) => self.complain(format!("an event: {error}")),
            }
        }
        events.sort_by_key(|event: &Event| event.id);
        events
    }
}
