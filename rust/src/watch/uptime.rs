//! Time since boot, without sleep.

use rustix::time::{ClockId, clock_gettime};

/// Boot of the machine, and how long it has been awake since.
#[derive(Clone, Debug)]
pub struct Uptime {
    /// Seconds awake since boot.
    pub awake: f64,
    /// Id of the boot; none if unknown.
    pub boot_id: Option<String>,
}

impl Uptime {
    /// Now, on this machine.
    #[must_use]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Monotonic);
        #[allow(clippy::cast_precision_loss)]
        let awake = time.tv_sec as f64;
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self {
            awake,
            boot_id: boot_id.map(|id| id.trim().to_owned()),
        }
    }

    /// Seconds awake since a scan: `awake` is the uptime at that scan, and `boot_id` its boot.
    /// What was before a boot is not known.
    pub(super) fn since(&self, awake: Option<f64>, boot_id: Option<&String>) -> f64 {
        match awake {
            Some(before) if self.boot_id.as_ref() == boot_id && before <= self.awake => {
                self.awake - before
            }
            Some(_) => self.awake,
            None => 0.0,
        }
    }
}
