//! To each channel what it does not know yet.

use anyhow::Result;
use jiff::Timestamp;
use log::Level;

use super::channels::{Channel, Ping, Way};
use super::events::{Event, InstanceState};
use super::store::{Cursor, DeliveryState, Failing, Store};
use crate::base::problem::Problem;
use crate::report::{journal, messages};

/// Tells everybody. What does not arrive is kept for the next time, and false returned.
///
/// # Errors
/// What was told cannot be remembered.
pub(super) fn deliver(store: &mut Store, channels: &[Channel<'_>], now: Timestamp) -> Result<bool> {
    let is_there = |key: &String| channels.iter().any(|channel| channel.key == *key);
    store.cursor.channels.retain(|key, _| is_there(key));
    let mut arrived = true;
    for channel in channels {
        // A new channel is not told of old times, only whether all is well now.
        let mut told = store
            .cursor
            .channels
            .remove(&channel.key)
            .unwrap_or_else(|| DeliveryState {
                event: store.cursor.last_event.saturating_sub(fresh(store, now)),
                news: store.cursor.instances.keys().cloned().collect(),
                failing: None,
            });
        let result = match &channel.way {
            Way::Event(send) => events(&store.events, channel, &mut told, send.as_ref()),
            Way::State(send) => state(store, channel, &mut told, send.as_ref()),
        };
        match result {
            Ok(()) => {
                if let Some(failing) = told.failing.take() {
                    log::info!("{} can be told again, since {}", channel.key, failing.since);
                }
            }
            Err(problem) => {
                arrived = false;
                tell_journal(channel, &problem);
                let since = told.failing.map_or(now, |failing| failing.since);
                let error = problem.to_string();
                told.failing = Some(Failing { since, error });
            }
        }
        store.cursor.channels.insert(channel.key.clone(), told);
        store.save()?;
    }
    Ok(arrived)
}

/// How many events were found just now.
fn fresh(store: &Store, now: Timestamp) -> u64 {
    let count = store
        .events
        .iter()
        .filter(|event| event.time >= now)
        .count();
    u64::try_from(count).unwrap_or_default()
}

/// What happened, one by one and in order.
fn events(
    all: &[Event],
    channel: &Channel<'_>,
    told: &mut DeliveryState,
    send: &dyn Fn(&Event) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let before = told.event;
    for event in all.iter().filter(|event| event.id > before) {
        if channel.is_about(&event.instance) {
            send(event)?;
        }
        told.event = event.id;
    }
    told.news.clear();
    Ok(())
}

/// How things are now, once for all that happened.
fn state(
    store: &Store,
    channel: &Channel<'_>,
    told: &mut DeliveryState,
    send: &dyn Fn(&Ping) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if told.news.iter().any(|name| channel.is_about(name)) {
        send(&ping(store, channel))?;
    }
    told.news.clear();
    told.event = store.cursor.last_event;
    Ok(())
}

/// Whether all is well with all instances of a channel, and if not, what was said of it.
fn ping(store: &Store, channel: &Channel<'_>) -> Ping {
    let Cursor { instances, .. } = &store.cursor;
    let about = |(name, _): &(&String, &InstanceState)| channel.is_about(name);
    let ill = |(_, seen): &(&String, &InstanceState)| !seen.is_well();
    let ill: Vec<&String> = instances
        .iter()
        .filter(about)
        .filter(ill)
        .map(|one| one.0)
        .collect();
    let mut said = Vec::new();
    for name in &ill {
        let last = store
            .events
            .iter()
            .rfind(|event| event.instance == **name && !event.kind.is_good());
        said.push(last.map_or_else(
            || format!("Backup of {name} needs a look"),
            |event| format!("{}\n{}", event.title, event.body()),
        ));
    }
    if ill.is_empty() {
        let names: Vec<&str> = instances
            .iter()
            .filter(about)
            .map(|one| one.0.as_str())
            .collect();
        said.push(format!(
            "All is well with the backups of {}",
            names.join(", ")
        ));
    }
    Ping {
        well: ill.is_empty(),
        body: said.join("\n"),
    }
}

fn tell_journal(channel: &Channel<'_>, problem: &Problem) {
    let mut fields = vec![("BACKUP_CHANNEL", channel.key.clone())];
    journal::blame(&mut fields, Some(problem));
    let text = format!(
        "{} could not be told, and will be tried again: {problem}",
        channel.key
    );
    journal::send(Level::Error, &messages::UNDELIVERED, &fields, &text);
}
