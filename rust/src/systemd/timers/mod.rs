//! What systemd says of the timers and services of instances: of all, asked at once.

mod query;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zbus::Connection;

use super::client::ListedUnit;
use crate::base::unit_names::{MAINTAIN, unit};

/// What an instance does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunActivity {
    /// Nothing.
    Idle,
    /// A run is under way.
    Running,
    /// systemd cannot be asked.
    Unknown,
}

/// What a timer does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimerState {
    /// It waits for its next time.
    Waiting,
    /// What it has started is running.
    Running,
    /// Its time has come for the last time.
    Elapsed,
    /// It is stopped or has failed, and starts nothing.
    Dead,
    /// It is masked, and starts nothing.
    Masked,
    /// There is none.
    Missing,
    /// systemd cannot be asked.
    #[default]
    Unknown,
}

/// A timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// What it does now.
    pub state: TimerState,
    /// When it starts its service next, if it does.
    pub next: Option<Timestamp>,
}

/// What systemd says of the units of some instances.
#[derive(Clone, Debug, Default)]
pub struct UnitStates {
    /// By name; none if systemd cannot be asked.
    units: Option<BTreeMap<String, TimedUnit>>,
}

#[derive(Clone, Debug)]
struct TimedUnit {
    unit: ListedUnit,
    next: Option<Timestamp>,
}

impl UnitStates {
    /// Asks systemd about the runs and maintenances of these instances. Where it cannot be
    /// asked, nothing is known.
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
            log::debug!("cannot ask systemd about its timers: {error}");
            Self::default()
        })
    }

    /// Likewise, on a connection that is there already.
    ///
    /// # Errors
    /// systemd cannot be asked.
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

    /// Whether the instance's run is under way; with a suffix (`-maintain`), whether that is.
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

    /// The instance's timer; with a suffix (`-maintain`), that of what it says.
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
    /// Of instances of tests, whose timers wait unless systemd cannot be asked.
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
