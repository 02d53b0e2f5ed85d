//! States of the timers and services of instances, in one query to systemd.

mod query;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zbus::Connection;

use super::client::ListedUnit;
use super::crash::Crash;
use crate::base::unit_names::{MAINTAIN, restores, service, unit};

/// Activity of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunActivity {
    /// Nothing is running.
    Idle,
    /// A run is in progress.
    Running,
    /// A run has failed, and systemd will start it again.
    Retrying,
    /// systemd cannot be reached.
    Unknown,
}

impl RunActivity {
    /// Activity of a service in this state of systemd's.
    #[must_use]
    pub fn of(active: &str, sub: &str) -> Self {
        match (active, sub) {
            ("activating", sub) if sub.starts_with("auto-restart") => Self::Retrying,
            // Deactivating: its last steps, such as starting what was stopped.
            ("activating" | "active" | "deactivating" | "reloading", _) => Self::Running,
            _ => Self::Idle,
        }
    }

    /// Whether there is a run, or will be without anybody's doing.
    #[must_use]
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Running | Self::Retrying)
    }
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
    crash: Option<Crash>,
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
        let mut units = query::units(connection, &names).await?;
        units.extend(query::restores(connection).await?);
        Ok(Self { units: Some(units) })
    }

    /// Activity of the instance's backup, or with the suffix `-maintain` of its maintenance.
    #[must_use]
    pub fn activity(&self, instance: &str, suffix: &str) -> RunActivity {
        let Some(units) = &self.units else {
            return RunActivity::Unknown;
        };
        let unit = units.get(&unit(instance, suffix, "service"));
        unit.map_or(RunActivity::Idle, |unit| {
            RunActivity::of(&unit.unit.active, &unit.unit.sub)
        })
    }

    /// When systemd starts the instance's backup again that failed, or with the suffix
    /// `-maintain` its maintenance; none unless it is [`RunActivity::Retrying`].
    #[must_use]
    pub fn next_attempt(&self, instance: &str, suffix: &str) -> Option<Timestamp> {
        let retrying = self.activity(instance, suffix) == RunActivity::Retrying;
        let unit = self.units.as_ref()?.get(&service(instance, suffix))?;
        unit.next.filter(|_| retrying)
    }

    /// Unit of the restore of the instance that is running, if there is one.
    #[must_use]
    pub fn restore(&self, instance: &str) -> Option<&str> {
        let units = self.units.as_ref()?.values();
        let mut restores = units.filter(|unit| is_restore(&unit.unit.name, instance));
        restores
            .find(|unit| RunActivity::of(&unit.unit.active, &unit.unit.sub).is_busy())
            .map(|unit| unit.unit.name.as_str())
    }

    /// Failure of the instance's backup, or with the suffix `-maintain` of its maintenance.
    #[must_use]
    pub fn crash(&self, instance: &str, suffix: &str) -> Option<&Crash> {
        let units = self.units.as_ref()?;
        units
            .get(&unit(instance, suffix, "service"))?
            .crash
            .as_ref()
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

/// Whether a unit is a restore of the instance.
#[must_use]
pub fn is_restore(unit: &str, instance: &str) -> bool {
    let start = restores(instance);
    start
        .split_once('*')
        .is_some_and(|(start, end)| unit.starts_with(start) && unit.ends_with(end))
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
            let timed = TimedUnit {
                unit,
                next,
                crash: None,
            };
            (name, timed)
        };
        let (active, sub) = match activity {
            RunActivity::Unknown => return Self::default(),
            RunActivity::Running => ("activating", "start"),
            RunActivity::Retrying => ("activating", "auto-restart"),
            RunActivity::Idle => ("inactive", "dead"),
        };
        let units = ["a", "cloud", "home-assistant", "mail", "nextcloud"]
            .iter()
            .flat_map(|name| {
                [
                    of(unit(name, "", "service"), active, sub),
                    of(unit(name, "", "timer"), "active", "waiting"),
                ]
            });
        Self {
            units: Some(units.collect()),
        }
    }

    /// Adds a restore that is running.
    pub(crate) fn with_restore(mut self, instance: &str) -> Self {
        let name = crate::base::unit_names::restore(instance, "latest-0123");
        let unit = ListedUnit {
            name: name.clone(),
            load: "loaded".to_owned(),
            active: "activating".to_owned(),
            sub: "start".to_owned(),
            path: zbus::wire::OwnedObjectPath::default(),
        };
        let (next, crash) = (None, None);
        let units = self.units.as_mut().unwrap();
        units.insert(name, TimedUnit { unit, next, crash });
        self
    }

    /// Adds the failure of an instance's backup.
    pub(crate) fn with_crash(mut self, instance: &str, crash: Crash) -> Self {
        let units = self.units.as_mut().unwrap();
        let service = units.get_mut(&unit(instance, "", "service")).unwrap();
        service.unit.active = "failed".to_owned();
        service.crash = Some(crash);
        self
    }
}
