//! restic tries again for a quarter of an hour, whatever it takes for transient trouble, and
//! no option makes that shorter. Services may be stopped meanwhile: we give up sooner, and
//! the run is tried again as a whole.

use std::time::{Duration, Instant};

/// Maximum time for which restic may retry without success.
const LIMIT: Duration = Duration::from_mins(2);
/// [`LIMIT`] in restic's syntax, for a server that is there and says nothing.
pub const STUCK: &str = "2m";
/// Part of the message when the limit is reached; see the exit table.
pub const GAVE_UP: &str = "without success for two minutes";

/// Messages of permanent errors that restic retries all the same. See the exit table.
pub const NO_BUCKET: &str = "specified bucket does not exist";
pub const WRONG_KEY: &str = "signature we calculated does not match";
pub const UNKNOWN_KEY: &str = "Access Key Id you provided does not exist";

/// Limits how long restic may retry without success.
#[derive(Debug, Default)]
pub struct RetryLimit {
    since: Option<Instant>,
    complaint: String,
    bytes_done: u64,
}

impl RetryLimit {
    /// A line that is not a message.
    pub fn hear(&mut self, text: &str, now: Instant) {
        if text.contains("returned error, retrying after") {
            self.since.get_or_insert(now);
            text.clone_into(&mut self.complaint);
        } else if text.contains("operation successful after") {
            self.since = None;
        }
    }

    /// Notes progress, which resets the limit; restic repeats the same numbers.
    pub fn progress(&mut self, bytes_done: u64) {
        if bytes_done > self.bytes_done {
            self.bytes_done = bytes_done;
            self.since = None;
        }
    }

    /// Returns why to stop waiting, once the limit is reached.
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
        let mut retry_limit = RetryLimit::default();
        assert_eq!(retry_limit.over(at(1000)), None);
        retry_limit.hear(RETRY, at(0));
        retry_limit.hear(
            "Load(<key/1>) returned error, retrying after 60s: EOF",
            at(90),
        );
        assert_eq!(retry_limit.over(at(119)), None);
        let reason = retry_limit.over(at(120)).unwrap();
        assert!(
            reason.contains(GAVE_UP) && reason.ends_with("EOF"),
            "{reason}"
        );
    }

    #[test]
    fn what_will_not_pass_ends_it_at_once() {
        let now = Instant::now();
        let mut retry_limit = RetryLimit::default();
        retry_limit.hear(
            "Stat(<config/>) returned error, retrying after 11s: Stat: The specified bucket does not exist",
            now,
        );
        assert!(retry_limit.over(now).unwrap().contains(NO_BUCKET));
    }

    #[test]
    fn whatever_succeeds_renews_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut retry_limit = RetryLimit::default();
        retry_limit.progress(10);
        retry_limit.hear(RETRY, at(0));
        retry_limit.hear(
            "Stat(<config/>) operation successful after 2 retries",
            at(60),
        );
        assert_eq!(retry_limit.over(at(130)), None);
        retry_limit.hear(RETRY, at(130));
        retry_limit.progress(10);
        assert!(retry_limit.over(at(250)).is_some());
        retry_limit.progress(11);
        assert_eq!(retry_limit.over(at(250)), None);
    }
}
