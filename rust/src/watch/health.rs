//! Health of all instances of a channel, for services that expect regular pings.

use super::channels::{Channel, Health};
use super::events::InstanceState;
use super::store::{Cursor, Store};

/// The health of all instances of a channel, with the last event of each failing one.
pub(super) fn health(store: &Store, channel: &Channel<'_>) -> Health {
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
