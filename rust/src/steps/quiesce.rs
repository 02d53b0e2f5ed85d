//! Stops units while their data is read or replaced.

use std::thread;

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;
use crate::base::process::TICK;
use crate::steps::claims;
use crate::steps::journal::{Action, Journal};
use crate::systemd::units::{Activity, Units, active_triggers, taken_down_with};

/// Units that this run has stopped.
#[derive(Debug, Default)]
pub struct Stopped {
    units: Vec<String>,
}

/// Stops `wanted`, the units that systemd stops along with them, and the sockets, paths
/// and timers that would start them again. Records those that run in the journal before
/// any is stopped. A unit that another instance has stopped counts as running: the last
/// of the instances starts it.
///
/// # Errors
/// If a unit does not exist or cannot be stopped, or the run is cancelled.
pub fn stop(
    wanted: &[String],
    units: &dyn Units,
    journal: &mut Journal,
    directories: &InstancePaths,
    cancel: &Cancel,
) -> Result<Stopped, Failure> {
    let claims = claims::claims(directories, "quiesce", cancel)?;
    let held = |unit: &str| claims.other(unit).is_some();
    let mut running = Vec::new();
    let mut dependents = Vec::new();
    let mut triggers = Vec::new();
    for unit in wanted {
        if units.activity(unit)? != Activity::Inactive || held(unit) {
            running.push(unit.clone());
        }
        let down = taken_down_with(units, unit, &held)?;
        for unit in down.iter().chain([unit]) {
            triggers.append(&mut active_triggers(units, unit, &held)?);
        }
        dependents.extend(down);
    }
    triggers.retain(|unit| !wanted.contains(unit));
    dependents.retain(|unit| !wanted.contains(unit) && !triggers.contains(unit));
    note(journal, &triggers, &running, &dependents)?;
    for unit in triggers.iter().chain(&running).chain(&dependents) {
        claims.add(unit)?;
    }

    for unit in &triggers {
        // polkit may not allow it. If the unit does come back, that is noticed.
        if let Err(error) = units.stop_and_wait(unit) {
            log::warn!("{unit} may start a unit while the data is read: {error}");
        }
    }
    for unit in &running {
        units.stop_and_wait(unit)?;
    }
    let down = Stopped {
        units: running.into_iter().chain(dependents).collect(),
    };
    down.wait(units)?;
    Ok(down)
}

impl Stopped {
    /// Reports the units that run again although they should be stopped.
    ///
    /// # Errors
    /// If systemd cannot be asked.
    pub fn came_back(&self, units: &dyn Units) -> Result<Option<Problem>, Failure> {
        let mut back = Vec::new();
        for unit in &self.units {
            if units.activity(unit)? != Activity::Inactive {
                back.push(unit.as_str());
            }
        }
        if back.is_empty() {
            return Ok(None);
        }
        Ok(Some(Problem::new(
            format!(
                "{} was stopped but ran again while the data was read",
                back.join(", ")
            ),
            "find what started it with `systemctl status`, and name that in quiesce.units too",
        )))
    }

    /// Waits for the units that systemd stops along with others: their jobs are not ours.
    fn wait(&self, units: &dyn Units) -> Result<(), Failure> {
        for unit in &self.units {
            while units.activity(unit)? == Activity::Stopping {
                thread::sleep(TICK);
            }
        }
        Ok(())
    }
}

/// Records the units in the order in which they start again, reversed: triggers before
/// what they trigger (a socket cannot be started once its service runs), then the units,
/// then those that require them.
fn note(
    journal: &mut Journal,
    triggers: &[String],
    running: &[String],
    dependents: &[String],
) -> Result<(), Failure> {
    let starts = triggers
        .iter()
        .chain(running.iter().rev())
        .chain(dependents);
    let mut order: Vec<&String> = Vec::new();
    for unit in starts {
        if !order.contains(&unit) {
            order.push(unit);
        }
    }
    journal.add(
        order
            .into_iter()
            .rev()
            .map(|unit| Action::Start { unit: unit.clone() }),
    )?;
    Ok(())
}
