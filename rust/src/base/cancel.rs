//! Cancel requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::base::outcome::Failure;

/// Flag set by a cancel request, shared by everything that waits.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Set by SIGTERM (`systemctl stop`, shutdown) and SIGINT (Ctrl-C).
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let cancel = Self::default();
        signal_hook::flag::register(SIGTERM, Arc::clone(&cancel.0))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&cancel.0))?;
        // `restic unlock` sends it to the process that a lock names, to see whether it is
        // alive. After a reboot that may be us.
        signal_hook::flag::register(SIGHUP, Arc::default())?;
        Ok(cancel)
    }

    /// Never set: for cleanup steps, which must not be interrupted.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Requests a stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Fails if a stop was requested.
    ///
    /// # Errors
    /// A stop was requested; the failure names `phase`.
    pub fn check(&self, phase: &str) -> Result<(), Failure> {
        if self.requested() {
            return Err(Failure::cancelled(phase));
        }
        Ok(())
    }
}
