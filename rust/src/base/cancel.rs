//! The one wish that reaches a run from outside: to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::base::outcome::Failure;

/// Set once somebody wants the run to stop; shared by everything that waits.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Set by SIGTERM (`systemctl stop`, shutdown) and SIGINT (Ctrl-C).
    ///
    /// # Errors
    /// If the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let cancel = Self::default();
        signal_hook::flag::register(SIGTERM, Arc::clone(&cancel.0))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&cancel.0))?;
        // `restic unlock` sends it to the process that a lock names, to see whether it is
        // alive. After a reboot that may be us.
        signal_hook::flag::register(SIGHUP, Arc::default())?;
        Ok(cancel)
    }

    /// Never set: for steps that put things back and must run to their end.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Asks for a stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Stops the caller where a stop was asked for.
    ///
    /// # Errors
    /// A stop was asked for, in `phase`.
    pub fn check(&self, phase: &str) -> Result<(), Failure> {
        if self.requested() {
            return Err(Failure::cancelled(phase));
        }
        Ok(())
    }
}
