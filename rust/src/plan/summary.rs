//! Summary of a plan, for commands that show instances without running them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::Schedule;

/// The fields of a plan that `status` and the monitor need. Plans of any version are
/// accepted, so that both keep working while a new system is activated.
#[derive(Clone, Debug, Deserialize)]
pub struct PlanSummary {
    /// Instance name.
    pub instance: String,
    provider: ProviderSummary,
    #[serde(default)]
    schedule: Value,
    #[serde(default)]
    maintenance: Value,
}

#[derive(Clone, Debug, Deserialize)]
struct ProviderSummary {
    #[serde(rename = "type")]
    kind: String,
}

impl PlanSummary {
    /// Reads all plans in a directory, sorted by instance. Returns one error per file that
    /// cannot be read or parsed.
    ///
    /// # Errors
    /// The directory cannot be listed; a missing one has no plans.
    pub fn read_all(directory: &Path) -> Result<(Vec<Self>, Vec<anyhow::Error>)> {
        let listing = || format!("cannot list {}", directory.display());
        let (mut plans, mut errors) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((plans, errors)),
            entries => entries.with_context(listing)?,
        };
        for entry in entries {
            let path = entry.with_context(listing)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match Self::read(&path) {
                Ok(plan) => plans.extend(plan),
                Err(error) => errors.push(error),
            }
        }
        plans.sort_by(|a, b| a.instance.cmp(&b.instance));
        Ok((plans, errors))
    }

    /// None if the file was removed meanwhile.
    fn read(path: &Path) -> Result<Option<Self>> {
        let reading = || format!("cannot read the plan {}", path.display());
        let json = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            json => json.with_context(reading)?,
        };
        serde_json::from_slice(&json)
            .map(Some)
            .with_context(reading)
    }

    /// Provider name, such as `restic`.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider.kind
    }

    /// Schedule of the backup.
    ///
    /// # Errors
    /// The plan has none that this executor understands.
    pub fn schedule(&self) -> Result<Schedule> {
        Schedule::deserialize(&self.schedule).context("cannot read the schedule in the plan")
    }

    /// Schedule of the maintenance; none if there is none that this executor understands.
    #[must_use]
    pub fn maintenance_schedule(&self) -> Option<Schedule> {
        Schedule::deserialize(self.maintenance.get("schedule")?).ok()
    }
}
