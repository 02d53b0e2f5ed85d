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
            Some(before) if self.may_be(boot_id) && before <= self.awake => self.awake - before,
            Some(_) => self.awake,
            None => 0.0,
        }
    }
    /// Whether this may be a boot; an id that one of two readers cannot see says nothing.
    fn may_be(&self, boot_id: Option<&String>) -> bool {
        let ids = self.boot_id.as_ref().zip(boot_id);
        ids.is_none_or(|(now, then)| now == then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)] // whole numbers
    fn a_boot_that_only_one_of_two_can_name_is_no_other_boot() {
        let uptime = |boot: Option<&str>| Uptime {
            awake: 5000.0,
            boot_id: boot.map(str::to_owned),
        };
        let one = "one".to_owned();
        let since = |now, then| uptime(now).since(Some(4900.0), then);
        assert_eq!(since(Some("one"), Some(&one)), 100.0);
        assert_eq!(since(Some("one"), None), 100.0);
        assert_eq!(since(None, Some(&one)), 100.0);
        assert_eq!(since(Some("two"), Some(&one)), 5000.0);
    }
}
