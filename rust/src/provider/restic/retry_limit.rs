//! restic tries again for a quarter of an hour, whatever it takes for transient trouble, and
//! no option makes that shorter. Services may be stopped meanwhile: we give up sooner, and
//! the run is tried again as a whole.

use std::time::{Duration, Instant};

/// So long restic may try again without any success.
const LIMIT: Duration = Duration::from_mins(2);
/// [`LIMIT`] in restic's syntax, for a server that is there and says nothing.
pub const STUCK: &str = "2m";
/// What we say then; see the table of endings.
pub const GAVE_UP: &str = "without success for two minutes";

/// What restic tries again for, and no time will mend. See the table of endings.
pub const NO_BUCKET: &str = "specified bucket does not exist";
pub const WRONG_KEY: &str = "signature we calculated does not match";
pub const UNKNOWN_KEY: &str = "Access Key Id you provided does not exist";

/// Hears restic try again.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
    complaint: String,
    bytes_done: u64,
}

impl Patience {
    /// A line that is not a message.
    pub fn hear(&mut self, text: &str, now: Instant) {
        if text.contains("returned error, retrying after") {
            self.since.get_or_insert(now);
            text.clone_into(&mut self.complaint);
        } else if text.contains("operation successful after") {
            self.since = None;
        }
    }

    /// So much is done; what is done already is told again and again.
    pub fn progress(&mut self, bytes_done: u64) {
        if bytes_done > self.bytes_done {
            self.bytes_done = bytes_done;
            self.since = None;
        }
    }

    /// Why not to wait any longer.
    pub fn over(&self, now: Instant) -> Option<String> {
        let since = self.since?;
        let complains = |of: &&str| self.complaint.contains(*of);
        if [NO_BUCKET, WRONG_KEY, UNKNOWN_KEY].iter().any(complains) {
            return Some(self.complaint.clone());
        }
        (now.duration_since(since) >= LIMIT)
            .then(|| format!("tried again {GAVE_UP}: {}", self.complaint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: &str = "Stat(<config/>) returned error, retrying after 1.1s: Head \
         \"http://host:8000/config\": dial tcp 127.0.0.1:8000: connect: connection refused";

    #[test]
    fn it_ends_after_two_minutes_of_trying_again_in_vain() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut patience = Patience::default();
        assert_eq!(patience.over(at(1000)), None);
        patience.hear(RETRY, at(0));
        patience.hear(
            "Load(<key/1>) returned error, retrying after 60s: EOF",
            at(90),
        );
        assert_eq!(patience.over(at(119)), None);
        let reason = patience.over(at(120)).unwrap();
        assert!(
            reason.contains(GAVE_UP) && reason.ends_with("EOF"),
            "{reason}"
        );
    }

    #[test]
    fn what_will_not_pass_ends_it_at_once() {
        let now = Instant::now();
        let mut patience = Patience::default();
        patience.hear(
            "Stat(<config/>) returned error, retrying after 11s: Stat: The specified bucket does not exist",
            now,
        );
        assert!(patience.over(now).unwrap().contains(NO_BUCKET));
    }

    #[test]
    fn whatever_succeeds_renews_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut patience = Patience::default();
        patience.progress(10);
        patience.hear(RETRY, at(0));
        patience.hear(
            "Stat(<config/>) operation successful after 2 retries",
            at(60),
        );
        assert_eq!(patience.over(at(130)), None);
        patience.hear(RETRY, at(130));
        patience.progress(10);
        assert!(patience.over(at(250)).is_some());
        patience.progress(11);
        assert_eq!(patience.over(at(250)), None);
    }
}
