//! Notification hooks: units that read the event as JSON from standard input.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::base::cancel::Cancel;
use crate::base::problem::Problem;
use crate::systemd::units::Units;
use crate::watch::config::NotifyHook;
use crate::watch::events::Event;

/// Starts the unit of a hook and waits until it has finished.
pub(super) fn start(hook: &NotifyHook, event: &Event, units: &dyn Units) -> Result<(), Problem> {
    let unit = &hook.unit;
    let remedy = format!(
        "see `journalctl -u {unit}`; it is retried every 15 minutes, or now with \
         `systemctl start backupservice-watch.service`"
    );
    let failed = |why: String| Problem::new(why, remedy.clone());
    let json = serde_json::to_vec(event).map_err(|error| failed(error.to_string()))?;
    hand_over(&hook.input, &json)
        .map_err(|error| failed(format!("cannot write {}: {error}", hook.input.display())))?;
    let result = units
        .start_and_wait(unit, &Cancel::never())
        .map_err(|error| failed(error.to_string()))?;
    if result.succeeded() {
        Ok(())
    } else {
        Err(failed(format!("{unit} {result}")))
    }
}

/// Writes into a file that is there: its directory belongs to root, so that what systemd opens
/// as root for the hook is always this file.
fn hand_over(file: &Path, json: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(file)?;
    file.write_all(json)
}
