//! `bus`: the D-Bus service `org.backupservice1`, started by the bus and stopped when idle.
//!
//! Properties come from records, state files and systemd, as in `status`. Methods that change
//! something start or stop units with systemd, after polkit has authorized the caller.

mod blocking;
#[cfg(test)]
mod consistency;
mod daemon;
mod files;
mod instance;
mod polkit;
mod refusal;
mod signals;
mod usage;
mod view;

use std::time::Duration;

pub use daemon::run;
pub use instance::introspection;

/// Time without calls or runs after which the daemon exits; the bus starts it again.
pub const IDLE: Duration = Duration::from_secs(30);

/// Minimum time between two updates of the properties.
const EVERY: Duration = Duration::from_millis(250);

/// Notification that properties may have changed.
#[derive(Debug)]
enum Change {
    /// Files of an instance, by its name.
    Instance(String),
    /// Job of a unit, by its name.
    Unit(String),
    /// List of instances, or any of them.
    Everything,
    /// Request to exit.
    Quit,
}
