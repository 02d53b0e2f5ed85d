//! States of the timers and services of instances, in one query to systemd.

mod query;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zbus::Connection;

use super::client::ListedUnit;
use crate::base::unit_names::{MAINTAIN, unit};

/// Activity of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunActivity {
    /// Nothing is running.
    Idle,
    /// A run is in progress.
    Running,
    /// systemd cannot be reached.
    Unknown,
}

/// State of a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimerState {
    /// Waiting for its next elapse.
    Waiting,
    /// Its service is running.
    Running,
    /// Elapsed for the last time.
    Elapsed,
    /// Stopped or failed.
    Dead,
    /// Masked.
    Masked,
    /// Does not exist.
    Missing,
    /// systemd cannot be reached.
    #[default]
    Unknown,
}

/// State and next elapse of a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// State.
    pub state: TimerState,
    /// Next elapse, UTC; none unless waiting.
    pub next: Option<Timestamp>,
}

/// States of the units of some instances.
#[derive(Clone, Debug, Default)]
pub struct UnitStates {
    /// By name; none if systemd cannot be reached.
    units: Option<BTreeMap<String, TimedUnit>>,
}

#[derive(Clone, Debug)]
struct TimedUnit {
    unit: ListedUnit,
    next: Option<Timestamp>,
}

impl UnitStates {
    /// Queries systemd for the services and timers of instances. All are unknown if it cannot
    /// be reached.
    #[must_use]
    pub fn ask(instances: &[&str]) -> Self {
        let asked = zbus::block_on(async {
            let connection = zbus::connection::Builder::system()
                .method_timeout(Duration::from_secs(5))
                .build()
                .await?;
            Self::ask_on(&connection, instances).await
        });
        asked.unwrap_or_else(|error| {
            log::debug!("cannot get the state of units from systemd: {error}");
            Self::default()
        })
    }

    /// Like [`Self::ask`], on an existing connection.
    ///
    /// # Errors
    /// systemd cannot be reached.
    pub async fn ask_on(connection: &Connection, instances: &[&str]) -> zbus::Result<Self> {
        let names: Vec<String> = instances
            .iter()
            .flat_map(|instance| ["", MAINTAIN].map(|suffix| (instance, suffix)))
            .flat_map(|(instance, suffix)| {
                ["service", "timer"].map(|kind| unit(instance, suffix, kind))
            })
            .collect();
        let units = query::units(connection, &names).await?;
        Ok(Self { units: Some(units) })
    }

    /// Activity of the instance's backup, or with the suffix `-maintain` of its maintenance.
    #[must_use]
    pub fn activity(&self, instance: &str, suffix: &str) -> RunActivity {
        let Some(units) = &self.units else {
            return RunActivity::Unknown;
        };
        let unit = units.get(&unit(instance, suffix, "service"));
        match unit.map(|unit| unit.unit.active.as_str()) {
            // Deactivating: its last steps, such as starting what was stopped.
            Some("activating" | "active" | "deactivating") => RunActivity::Running,
            _ => RunActivity::Idle,
        }
    }

    /// Timer of the instance's backup, or with the suffix `-maintain` of its maintenance.
    #[must_use]
    pub fn timer(&self, instance: &str, suffix: &str) -> Timer {
        let Some(units) = &self.units else {
            return Timer::default();
        };
        let Some(unit) = units.get(&unit(instance, suffix, "timer")) else {
            return Timer {
                state: TimerState::Missing,
                next: None,
            };
        };
        let state = match (
            unit.unit.load.as_str(),
            unit.unit.active.as_str(),
            unit.unit.sub.as_str(),
        ) {
            ("masked", ..) => TimerState::Masked,
            ("not-found", ..) => TimerState::Missing,
            (_, "active", "waiting") => TimerState::Waiting,
            (_, "active", "running") => TimerState::Running,
            (_, "active", _) => TimerState::Elapsed,
            _ => TimerState::Dead,
        };
        Timer {
            state,
            next: unit.next.filter(|_| state == TimerState::Waiting),
        }
    }
}

#[cfg(test)]
impl UnitStates {
    /// States for tests: all timers are waiting, unless systemd cannot be reached.
    pub(crate) fn pretend(activity: RunActivity, next: Option<Timestamp>) -> Self {
        let of = |name: String, active: &str, sub: &str| {
            let unit = ListedUnit {
                name: name.clone(),
                load: "loaded".to_owned(),
                active: active.to_owned(),
                sub: sub.to_owned(),
                path: zbus::wire::OwnedObjectPath::default(),
            };
            (name, TimedUnit { unit, next })
        };
        let active = match activity {
            RunActivity::Unknown => return Self::default(),
            RunActivity::Running => "activating",
            RunActivity::Idle => "inactive",
        };
        let units = ["a", "home-assistant", "mail", "nextcloud"]
            .iter()
            .flat_map(|name| {
                [
                    of(unit(name, "", "service"), active, "start"),
                    of(unit(name, "", "timer"), "active", "waiting"),
                ]
            });
        Self {
            units: Some(units.collect()),
        }
    }
}
