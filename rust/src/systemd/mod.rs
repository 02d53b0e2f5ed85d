//! systemd over D-Bus: units, jobs, timers, retries and inhibitors.

pub(crate) mod client;
pub(crate) mod crash;
mod errors;
pub mod inhibitor;
mod manager;
pub mod retries;
pub mod timers;
pub mod units;

pub use crash::Crash;
pub use manager::Systemd;
pub use units::{Activity, Reason, UnitError, UnitResult, Units, active_triggers, taken_down_with};
