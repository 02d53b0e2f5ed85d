//! `notify-test`: sends a test message to every address, and says which took it.

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::channels::{self, Channel, Health, Transport};
use super::config::Config;
use super::events::{Event, EventKind};
use super::store::{Store, address_name};
use super::system::System;
use crate::base::lock::{self, Mode};
use crate::base::paths::{Host, write_atomically};
use crate::base::problem::Problem;
use crate::systemd::units::Units;

/// Result of a test: `test.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// End of the test, UTC.
    pub finished: Timestamp,
    /// Every address that was tested.
    pub addresses: Vec<TestedAddress>,
}

/// An address, and whether it took the message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestedAddress {
    /// Kind and name of the channel, and the number of the address if it has several.
    pub address: String,
    /// Why it did not; null if it did.
    pub error: Option<Problem>,
}

/// Sends a test message to all channels, or to those called `channel`. A ping gets a failure, and
/// from the next scan its real state again.
///
/// # Errors
/// There is no such channel, a scan is in progress, or the result cannot be written.
pub fn run(
    host: &Host,
    config: &Config,
    system: &dyn System,
    units: &dyn Units,
    channel: Option<&str>,
) -> anyhow::Result<TestReport> {
    let runtime = host.monitor_runtime();
    let lock = lock::try_file(&runtime.join("lock"), Mode::Exclusive)?;
    let _lock = lock.context("a scan is in progress: try again when it is over")?;
    let credentials = system.credentials();
    let (mut store, _) = Store::load(host, system.now());
    let key = store.address_key();
    let mut channels = channels::all(config, units, &credentials, &runtime, &key);
    let known: Vec<String> = channels.iter().map(|one| one.key.clone()).collect();
    channels.retain(|one| channel.is_none_or(|name| is_called(&one.key, name)));
    if channels.is_empty() {
        let remedy = if known.is_empty() {
            "configure one: backupservice.notify.apprise, ping or hooks".to_owned()
        } else {
            format!("choose one of: {}", known.join(", "))
        };
        return Err(Problem::new("there is no such notification channel", remedy).into());
    }
    let addresses = channels.iter().flat_map(|one| test(one, system.now()));
    let report = TestReport {
        addresses: addresses.collect(),
        finished: system.now(),
    };
    for one in &channels {
        let all = store.cursor.instances.keys().cloned();
        let states = store.cursor.channels.get_mut(&one.key);
        if let Some(state) = states.and_then(|states| states.first_mut()) {
            state.changed.extend(all);
        }
    }
    store.save();
    write_atomically(&runtime.join("test.json"), &serde_json::to_vec(&report)?)?;
    Ok(report)
}

/// Whether a channel is called so, with or without its kind.
fn is_called(key: &str, name: &str) -> bool {
    key == name || key.split_once(':').is_some_and(|(_, own)| own == name)
}

fn test(channel: &Channel<'_>, now: Timestamp) -> Vec<TestedAddress> {
    let addresses = match &channel.addresses {
        Ok(addresses) => addresses,
        Err(problem) => {
            return vec![TestedAddress {
                address: channel.key.clone(),
                error: Some(problem.clone()),
            }];
        }
    };
    let message = "This is a test of the notifications about backups. Nothing is wrong";
    let event = Event {
        id: 0,
        time: now,
        kind: EventKind::Test,
        instance: String::new(),
        title: "Test of backup notifications".to_owned(),
        message: message.to_owned(),
        remedy: None,
        details_command: "backupservice status".to_owned(),
        record: None,
    };
    let health = Health {
        healthy: false,
        body: message.to_owned(),
    };
    let several = addresses.len() > 1;
    let numbered = (1..).zip(addresses);
    numbered
        .map(|(number, one)| TestedAddress {
            address: address_name(&channel.key, several.then_some(number)),
            error: match &one.transport {
                Transport::Event(send) => send(&event).err(),
                Transport::State(send) => send(&health).err(),
            },
        })
        .collect()
}
