//! The executor of backupservice, as a library.
//!
//! Modules import only from those below them; `docs/explanation/architecture.md` has the
//! order, and a test keeps it.

pub mod base;
pub mod bus;
pub mod cli;
pub mod client;
pub mod plan;
pub mod provider;
pub mod report;
pub mod run;
pub mod steps;
pub mod systemd;
pub mod watch;
