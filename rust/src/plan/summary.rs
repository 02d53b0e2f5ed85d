//! Summary of a plan, for commands that show instances without running them.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Schedule, check_instance_name};

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
    /// Why the plan cannot be read; then nothing but the instance's name is known.
    #[serde(skip)]
    pub problem: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct ProviderSummary {
    #[serde(rename = "type")]
    kind: String,
}

impl PlanSummary {
    /// A plan that cannot be read.
    #[must_use]
    pub fn unreadable(instance: &str, problem: String) -> Self {
        Self {
            instance: instance.to_owned(),
            provider: ProviderSummary {
                kind: "unknown".to_owned(),
            },
            schedule: Value::Null,
            maintenance: Value::Null,
            problem: Some(problem),
        }
    }

    /// Reads all plans in a directory, sorted by instance, including those that
    /// [cannot be read](Self::problem). Returns an error for each file whose name is not that
    /// of an instance.
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
            let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            match Self::read(&path) {
                Ok(plan) => plans.extend(plan),
                Err(error) if check_instance_name(name).is_ok() => {
                    plans.push(Self::unreadable(name, format!("{error:#}")));
                }
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
