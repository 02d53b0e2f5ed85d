//! Who asks, and so whether the daemon is needed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// When somebody last called, and how many wait for an answer.
#[derive(Debug)]
pub(super) struct Usage {
    last: Mutex<Instant>,
    waiting: AtomicUsize,
}

impl Usage {
    pub(super) fn new() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The last time that somebody called, unless somebody still waits.
    pub(super) fn last(&self) -> Option<Instant> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (self.waiting.load(Ordering::SeqCst) == 0).then_some(last)
    }

    pub(super) fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn begin(self: &Arc<Self>) -> Call {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Call(Arc::clone(self))
    }
}

/// Somebody waits for an answer.
pub(super) struct Call(Arc<Usage>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.touch();
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
