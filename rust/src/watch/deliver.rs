//! Delivery: sends each address the events that it has not received yet.
//!
//! Each address of each channel has its own mark, saved after every event. An address that
//! is down gets everything in order once it is up again; one that refuses an event and
//! accepts a later one gets the refused one again and again, but after the others.

use jiff::Timestamp;
use log::Level;

use super::channels::{Channel, Transport};
use super::condition::Condition;
use super::events::Event;
use super::health::health;
use super::store::{DeliveryState, Failing, Store, address_name};
use super::system::System;
use super::wording;
use crate::base::problem::Problem;
use crate::report::{journal, messages};

/// Number of pending events above which they are sent as one.
const BURST: usize = 10;

/// Number of refusals of an event after which later events are tried.
const PATIENCE: u32 = 4;

/// Registers channels before a scan. A new one receives the events of that scan, but no
/// earlier ones.
pub(super) fn register(store: &mut Store, channels: &[Channel<'_>]) {
    let is_there = |key: &String| channels.iter().any(|channel| channel.key == *key);
    store.cursor.channels.retain(|key, _| is_there(key));
    let new = DeliveryState {
        last_event: if store.marks_lost {
            0
        } else {
            store.cursor.last_event
        },
        changed: store.cursor.instances.keys().cloned().collect(),
        ..DeliveryState::default()
    };
    for channel in channels {
        let known = store
            .cursor
            .channels
            .entry(channel.key.clone())
            .or_default();
        let Ok(recipients) = &channel.addresses else {
            // How many there are is not known now.
            if known.is_empty() {
                known.push(new.clone());
            }
            continue;
        };
        let mut before = std::mem::take(known);
        let kept: Vec<Option<DeliveryState>> = recipients
            .iter()
            .map(|one| {
                let found = before.iter().position(|state| state.address == one.id);
                found.map(|found| before.remove(found))
            })
            .collect();
        let replaced = replacement(&before, &new);
        let states = kept.into_iter().zip(recipients);
        *known = states
            .map(|(state, one)| DeliveryState {
                address: one.id.clone(),
                ..state.unwrap_or_else(|| replaced.clone())
            })
            .collect();
    }
    store.marks_lost = false;
}

/// State of an address that was not there before: it gets what any of those that are gone has
/// not got, since it may have taken the place of that one.
fn replacement(gone: &[DeliveryState], new: &DeliveryState) -> DeliveryState {
    let last_event = gone.iter().map(|state| state.last_event).min();
    let postponed = gone.iter().flat_map(|state| &state.postponed);
    DeliveryState {
        last_event: last_event.unwrap_or(new.last_event),
        postponed: postponed.copied().collect(),
        ..new.clone()
    }
}

/// Sends all pending events to all addresses, those that worked last first. Returns false if
/// anything could not be sent; it is kept for the next time.
pub(super) fn deliver(
    store: &mut Store,
    conditions: &[Condition],
    channels: &[Channel<'_>],
    system: &dyn System,
) -> bool {
    let mut all: Vec<(&Channel<'_>, usize, bool)> = Vec::new();
    for channel in channels {
        let states = store.cursor.channels.get(&channel.key);
        let numbered = states.into_iter().flatten().enumerate();
        all.extend(numbered.map(|(index, state)| (channel, index, state.failing.is_some())));
    }
    all.sort_by_key(|(_, _, failing)| *failing);
    let mut delivered = true;
    for (channel, index, _) in all {
        let mut address = Address {
            store,
            conditions,
            channel,
            index,
        };
        let result = address.send_all();
        let name = address.name();
        match result {
            Ok(()) => {
                if let Some(failing) = address.state().failing.take() {
                    log::info!(
                        "notifications via {name} work again; they failed since {}",
                        failing.since
                    );
                }
            }
            Err(problem) => {
                delivered = false;
                log_undelivered(channel, &name, &problem);
                address.fail(&problem, system.now());
            }
        }
        store.save();
    }
    delivered
}

/// An address of a channel, and what it has received.
struct Address<'a, 'b> {
    store: &'a mut Store,
    conditions: &'a [Condition],
    channel: &'a Channel<'b>,
    index: usize,
}

impl Address<'_, '_> {
    fn state(&mut self) -> &mut DeliveryState {
        let states = self.store.cursor.channels.entry(self.channel.key.clone());
        let states = states.or_default();
        if states.len() <= self.index {
            states.resize_with(self.index + 1, DeliveryState::default);
        }
        &mut states[self.index]
    }

    fn name(&self) -> String {
        let states = self.store.cursor.channels.get(&self.channel.key);
        let several = states.is_some_and(|states| states.len() > 1);
        address_name(&self.channel.key, several.then_some(self.index + 1))
    }

    fn fail(&mut self, problem: &Problem, now: Timestamp) {
        let state = self.state();
        let since = state.failing.take().map_or(now, |failing| failing.since);
        let error = problem.to_string();
        state.failing = Some(Failing { since, error });
    }

    fn send_all(&mut self) -> Result<(), Problem> {
        let channel = self.channel;
        let addresses = channel.addresses.as_ref().map_err(Problem::clone)?;
        match &addresses[self.index].transport {
            Transport::Event(send) => {
                self.send_pending(send.as_ref())?;
                self.send_postponed(send.as_ref())
            }
            Transport::State(send) => {
                // The current health, once for all changes.
                if self.state().changed.iter().any(|name| channel.covers(name)) {
                    send(&health(self.conditions, channel))?;
                }
                let last_event = self.store.cursor.last_event;
                let state = self.state();
                state.changed.clear();
                state.last_event = last_event;
                Ok(())
            }
        }
    }

    /// Events that the address has not received, oldest first.
    fn pending(&mut self) -> Vec<Event> {
        let before = self.state().last_event;
        let pending = self.store.events.iter().filter(|event| event.id > before);
        let pending = pending.filter(|event| self.channel.covers(&event.instance));
        pending.cloned().collect()
    }

    fn send_pending(
        &mut self,
        send: &dyn Fn(&Event) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        loop {
            let pending = self.pending();
            let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
                let last_event = self.store.cursor.last_event;
                let state = self.state();
                state.last_event = last_event;
                state.changed.clear();
                return Ok(());
            };
            let (event, upto) = if pending.len() > BURST {
                (wording::summary(&pending), last.id)
            } else {
                (first.clone(), first.id)
            };
            match send(&event) {
                Ok(()) => self.settle(upto),
                Err(problem) => {
                    let state = self.state();
                    state.refusals += 1;
                    let try_others =
                        state.refusals.is_multiple_of(PATIENCE) && pending.len() <= BURST;
                    if !(try_others && self.skip(&pending, send)) {
                        return Err(problem);
                    }
                }
            }
        }
    }

    /// Sends the first event that is accepted, and postpones those before it. Returns false
    /// if none is: then the address is down, and everything stays in order.
    fn skip(&mut self, pending: &[Event], send: &dyn Fn(&Event) -> Result<(), Problem>) -> bool {
        let accepted = pending.iter().skip(1).position(|event| send(event).is_ok());
        let Some(before) = accepted.map(|position| position + 1) else {
            return false;
        };
        let refused = pending[..before].iter().map(|event| event.id);
        self.state().postponed.extend(refused);
        self.settle(pending[before].id);
        true
    }

    /// Tries one of the postponed events again.
    fn send_postponed(
        &mut self,
        send: &dyn Fn(&Event) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        loop {
            let state = self.state();
            let Some(id) = state.postponed.first().copied() else {
                return Ok(());
            };
            let event = self.store.events.iter().find(|event| event.id == id);
            if let Some(event) = event.cloned() {
                send(&event)?;
            }
            self.state().postponed.remove(&id);
            self.store.save();
        }
    }

    fn settle(&mut self, id: u64) {
        let state = self.state();
        state.last_event = id;
        state.refusals = 0;
        self.store.save();
    }
}

fn log_undelivered(channel: &Channel<'_>, name: &str, problem: &Problem) {
    let mut fields = vec![("BACKUP_CHANNEL", channel.key.clone())];
    let text = format!("could not send the notification via {name}, will retry: {problem}");
    let message = &messages::UNDELIVERED;
    journal::send_problem(Level::Error, message, &mut fields, &text, Some(problem));
}
