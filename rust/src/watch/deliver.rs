//! Delivery: sends each channel the events that it has not received yet.

use anyhow::Result;
use jiff::Timestamp;
use log::Level;

use super::channels::{Channel, Health, Transport};
use super::events::{Event, InstanceState};
use super::store::{Cursor, DeliveryState, Failing, Store};
use crate::base::problem::Problem;
use crate::report::{journal, messages};

/// Sends all pending events to all channels. Returns false if any could not be sent; these
/// are kept for the next time.
///
/// # Errors
/// The delivery state cannot be written.
pub(super) fn deliver(store: &mut Store, channels: &[Channel<'_>], now: Timestamp) -> Result<bool> {
    let is_there = |key: &String| channels.iter().any(|channel| channel.key == *key);
    store.cursor.channels.retain(|key, _| is_there(key));
    let mut delivered = true;
    for channel in channels {
        // A new channel receives no old events, only the current health.
        let mut delivery = store
            .cursor
            .channels
            .remove(&channel.key)
            .unwrap_or_else(|| DeliveryState {
                last_event: store.cursor.last_event.saturating_sub(fresh(store, now)),
                changed: store.cursor.instances.keys().cloned().collect(),
                failing: None,
            });
        let result = match &channel.transport {
            Transport::Event(send) => events(&store.events, channel, &mut delivery, send.as_ref()),
            Transport::State(send) => state(store, channel, &mut delivery, send.as_ref()),
        };
        match result {
            Ok(()) => {
                if let Some(failing) = delivery.failing.take() {
                    log::info!(
                        "notifications via {} work again; they failed since {}",
                        channel.key,
                        failing.since
                    );
                }
            }
            Err(problem) => {
                delivered = false;
                log_undelivered(channel, &problem);
                let since = delivery.failing.map_or(now, |failing| failing.since);
                let error = problem.to_string();
                delivery.failing = Some(Failing { since, error });
            }
        }
        store.cursor.channels.insert(channel.key.clone(), delivery);
        store.save()?;
    }
    Ok(delivered)
}

/// Number of events found by the current scan.
fn fresh(store: &Store, now: Timestamp) -> u64 {
    let count = store
        .events
        .iter()
        .filter(|event| event.time >= now)
        .count();
    u64::try_from(count).unwrap_or_default()
}

/// Sends pending events, one by one and in order.
fn events(
    all: &[Event],
    channel: &Channel<'_>,
    delivery: &mut DeliveryState,
    send: &dyn Fn(&Event) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let before = delivery.last_event;
    for event in all.iter().filter(|event| event.id > before) {
        if channel.covers(&event.instance) {
            send(event)?;
        }
        delivery.last_event = event.id;
    }
    delivery.changed.clear();
    Ok(())
}

/// Sends the current health, once for all pending events.
fn state(
    store: &Store,
    channel: &Channel<'_>,
    delivery: &mut DeliveryState,
    send: &dyn Fn(&Health) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if delivery.changed.iter().any(|name| channel.covers(name)) {
        send(&health(store, channel))?;
    }
    delivery.changed.clear();
    delivery.last_event = store.cursor.last_event;
    Ok(())
}

/// The health of all instances of a channel, with the last event of each failing one.
fn health(store: &Store, channel: &Channel<'_>) -> Health {
    let Cursor { instances, .. } = &store.cursor;
    let covered = |(name, _): &(&String, &InstanceState)| channel.covers(name);
    let failing = |(_, state): &(&String, &InstanceState)| !state.is_healthy();
    let failing: Vec<&String> = instances
        .iter()
        .filter(covered)
        .filter(failing)
        .map(|one| one.0)
        .collect();
    let mut lines = Vec::new();
    for name in &failing {
        let last = store
            .events
            .iter()
            .rfind(|event| event.instance == **name && !event.kind.is_good());
        lines.push(last.map_or_else(
            || format!("Backup of {name} has a problem: see `backupservice status {name}`"),
            |event| format!("{}\n{}", event.title, event.body()),
        ));
    }
    if failing.is_empty() {
        let names: Vec<&str> = instances
            .iter()
            .filter(covered)
            .map(|one| one.0.as_str())
            .collect();
        lines.push(format!("All backups are healthy: {}", names.join(", ")));
    }
    Health {
        healthy: failing.is_empty(),
        body: lines.join("\n"),
    }
}

fn log_undelivered(channel: &Channel<'_>, problem: &Problem) {
    let mut fields = vec![("BACKUP_CHANNEL", channel.key.clone())];
    let text = format!(
        "could not send the notification via {}, will retry: {problem}",
        channel.key
    );
    let message = &messages::UNDELIVERED;
    journal::send_problem(Level::Error, message, &mut fields, &text, Some(problem));
}
