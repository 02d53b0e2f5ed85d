//! Use of the daemon, to find out when it is idle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Time of the last call, and number of unanswered calls.
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

    /// Time of the last call; none while a call is unanswered.
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

/// An unanswered call, until dropped.
pub(super) struct Call(Arc<Usage>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.touch();
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
