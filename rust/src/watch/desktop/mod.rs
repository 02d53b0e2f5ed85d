//! `notify-desktop`: shows events as desktop notifications, including events from before the
//! login.
//!
//! Runs as the user, in their session, and records what it has shown. While the session has
//! no notification server yet, it waits for one.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use anyhow::{Context, Result};
use futures_core::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zbus::proxy::SignalStream;
use zbus::wire::Variant;
use zbus::{Connection, Proxy};

use crate::base::paths::{Host, write_atomically};
use crate::watch::events::Event;
use crate::watch::store;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// Maximum number of notifications at once; further events are only counted.
const MAX_NOTES: usize = 5;

/// The last event that was shown: `shown.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct LastShown {
    id: u64,
    time: Timestamp,
}

impl LastShown {
    /// Ids restart if the state of the monitor is lost, hence the time.
    fn contains(&self, event: &Event) -> bool {
        event.id <= self.id && event.time <= self.time
    }
}

/// A desktop notification.
#[derive(Clone, Debug, PartialEq)]
struct Note {
    title: String,
    body: String,
    good: bool,
}

/// Shows all events that were not shown yet, waiting for a notification server if needed.
///
/// # Errors
/// The session bus cannot be reached, or a file cannot be read or written.
pub fn run(host: &Host) -> Result<()> {
    let file = state_file()?;
    let mut desktop: Option<Desktop> = None;
    loop {
        let shown = read(&file)?;
        let events = store::events(host);
        let Some(last) = events.last().filter(|last| !shown.contains(last)) else {
            return Ok(());
        };
        let notes = select(&events, &shown);
        if !notes.is_empty() {
            let desktop = match &mut desktop {
                Some(desktop) => desktop,
                none => none.insert(zbus::block_on(Desktop::connect())?),
            };
            if let Err(error) = zbus::block_on(desktop.show(&notes)) {
                // A server that is there and refuses is tried again by systemd, in a minute:
                // no other may ever come.
                anyhow::ensure!(is_missing(&error), "cannot show the notifications: {error}");
                log::warn!("no notification server yet: {error}");
                zbus::block_on(desktop.changed())?;
                continue;
            }
        }
        // After everything was shown: better twice than not at all.
        write(
            &file,
            &LastShown {
                id: last.id,
                time: last.time,
            },
        )?;
    }
}

/// Selects the last event about each matter, without recoveries from failures that the user never saw.
fn select(events: &[Event], shown: &LastShown) -> Vec<Note> {
    let mut matters: BTreeMap<_, (bool, Option<&Event>)> = BTreeMap::new();
    for event in events {
        for matter in event.kind.matters() {
            let (worried, last) = matters.entry((&event.instance, matter)).or_default();
            if shown.contains(event) {
                *worried = !event.kind.is_good();
            } else {
                *last = Some(event);
            }
        }
    }
    let mut news: Vec<&Event> = matters
        .into_values()
        .filter_map(|(worried, last)| last.filter(|last| worried || !last.kind.is_good()))
        .collect();
    news.sort_by_key(|event| event.id);
    news.dedup_by_key(|event| event.id);
    // The newest in full, and the number of the others.
    let more = news.len().saturating_sub(MAX_NOTES);
    let mut notes: Vec<Note> = news[more..].iter().map(|event| note(event)).collect();
    if more > 0 {
        notes.push(Note {
            title: format!("{more} more notifications about backups"),
            body: "Run `backupservice status` to see all instances".to_owned(),
            good: false,
        });
    }
    notes
}

fn note(event: &Event) -> Note {
    Note {
        title: event.title.clone(),
        body: event.body().trim_end().to_owned(),
        good: event.kind.is_good(),
    }
}

/// The notification server of this session.
struct Desktop {
    proxy: Proxy<'static>,
    owners: SignalStream<'static>,
}

impl Desktop {
    async fn connect() -> Result<Self> {
        let connection = Connection::session().await;
        let connection = connection.context("cannot reach the session bus")?;
        let bus = Proxy::new_owned(
            connection.clone(),
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
        );
        // Subscribe before the first attempt, so as not to miss a server that starts meanwhile.
        let owners = bus.await?;
        let owners = owners.receive_signal_with_args("NameOwnerChanged", &[(0, NAME)]);
        Ok(Self {
            owners: owners.await?,
            proxy: Proxy::new_owned(connection, NAME, PATH, NAME).await?,
        })
    }

    async fn show(&self, notes: &[Note]) -> zbus::Result<()> {
        let abilities: Vec<String> = self.proxy.call("GetCapabilities", &()).await?;
        let markup = abilities.iter().any(|ability| ability == "body-markup");
        for note in notes {
            let body = if markup {
                escaped(&note.body)
            } else {
                note.body.clone()
            };
            let (icon, urgency) = if note.good {
                ("dialog-information", 1_u8)
            } else {
                ("dialog-error", 2)
            };
            let hints = HashMap::from([
                ("urgency", Variant::from(urgency)),
                ("category", Variant::from("device.error")),
            ]);
            let actions: &[&str] = &[];
            let message = (
                "Backup",
                0_u32,
                icon,
                note.title.as_str(),
                body.as_str(),
                actions,
                hints,
                -1_i32,
            );
            let _id: u32 = self.proxy.call("Notify", &message).await?;
        }
        Ok(())
    }

    /// Waits until the notification server changes.
    async fn changed(&mut self) -> Result<()> {
        let next = poll_fn(|context| Pin::new(&mut self.owners).poll_next(context));
        next.await
            .map(drop)
            .context("the session bus has closed the connection")
    }
}

/// Whether an error means that there is no server, rather than one that refuses.
fn is_missing(error: &zbus::Error) -> bool {
    use zbus::fdo::Error::{Disconnected, NameHasNoOwner, NoReply, ServiceUnknown};
    let zbus::Error::FDO(error) = error else {
        return false;
    };
    matches!(
        **error,
        ServiceUnknown(_) | NameHasNoOwner(_) | NoReply(_) | Disconnected(_)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn state_file() -> Result<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let state = state.context("neither XDG_STATE_HOME nor HOME is set")?;
    Ok(state.join("backupservice/shown.json"))
}

fn read(file: &Path) -> Result<LastShown> {
    match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LastShown::default()),
        json => {
            let json = json.with_context(|| format!("cannot read {}", file.display()))?;
            Ok(serde_json::from_slice(&json).unwrap_or_else(|error| {
                // After a crash, or from another version. Better twice than not at all.
                log::warn!("{} is damaged, and replaced: {error}", file.display());
                LastShown::default()
            }))
        }
    }
}

fn write(file: &Path, shown: &LastShown) -> Result<()> {
    let writing = || format!("cannot write {}", file.display());
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).with_context(writing)?;
    }
    write_atomically(file, &serde_json::to_vec(shown)?).with_context(writing)
}

#[cfg(test)]
mod tests;
