//! `bus`: the instances on D-Bus, as `org.backupservice1`, for as long as somebody asks.
//!
//! What is shown comes from the files that runs leave and from systemd, as in `status`.
//! What changes something is done by systemd, after polkit has been asked.

mod blocking;
mod daemon;
mod files;
mod instance;
mod path;
mod polkit;
mod refusal;
mod signals;
mod usage;
mod view;

use std::time::Duration;

pub use daemon::run;
pub use instance::introspection;

/// The name on the bus.
pub const NAME: &str = "org.backupservice1";
/// The object that manages the others.
pub const PATH: &str = "/org/backupservice1";

/// Without a question or a run for so long, the daemon ends; the bus starts it again.
pub const IDLE: Duration = Duration::from_secs(30);

/// Changes are told this often at most.
const EVERY: Duration = Duration::from_millis(250);

/// Something may look different now.
#[derive(Debug)]
enum Change {
    /// Files of this instance.
    InstanceObject(String),
    /// A unit, by its name.
    Unit(String),
    /// Which instances there are, or any of them.
    Everything,
    /// The daemon is to end.
    Quit,
}
