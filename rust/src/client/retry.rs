//! What `run` waits for between two attempts.

use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;

use crate::base::paths::InstancePaths;
use crate::report;
use crate::report::record::Record;
use crate::systemd::timers::UnitStates;

/// The last failed attempt, while the next one is waited for.
pub struct Retry<'a> {
    instance: &'a str,
    directories: &'a InstancePaths,
    /// Id of the last run before this one.
    before: Option<String>,
    /// Run id and text of what was said last.
    said: Mutex<Option<(String, String)>>,
}

impl<'a> Retry<'a> {
    /// Of the run that follows the one with the id `before`.
    pub fn of(instance: &'a str, directories: &'a InstancePaths, before: Option<String>) -> Self {
        Self {
            instance,
            directories,
            before,
            said: Mutex::default(),
        }
    }

    /// Which attempt failed, why, and when the next one starts; none before that.
    pub fn text(&self) -> Option<String> {
        let last = report::last_run(self.directories).ok().flatten()?;
        if !last.may_be_retried() || Some(&last.run_id) == self.before.as_ref() {
            return None;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((run_id, text)) = &*said
            && *run_id == last.run_id
        {
            return Some(text.clone());
        }
        let next = UnitStates::ask(&[self.instance]).next_attempt(self.instance, "")?;
        let next = next.to_zoned(TimeZone::system()).strftime("%H:%M");
        let Record { error, run_id, .. } = last;
        let text = format!("{}: {}; next at {next}", self.instance, error?.message);
        *said = Some((run_id, text.clone()));
        Some(text)
    }
}
