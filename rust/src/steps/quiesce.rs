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

/// Units that are to be inactive while the data is read, those that were inactive before
/// included, each with its last activation until then.
#[derive(Debug, Default)]
pub struct Stopped {
    units: Vec<(String, String)>,
}

/// Stops `wanted`, the units that systemd stops along with them, and the sockets, paths
/// and timers that would start them again. Records those that run in the journal before
/// any is stopped. A unit that another instance has stopped counts as running: the last
/// of the instances starts it.
///
/// # Errors
/// If a unit does not exist or cannot be stopped, the run is cancelled, or a unit that would
/// go down is none of `startable`; then nothing has been stopped.
pub fn stop(
    wanted: &[String],
    startable: &[String],
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
    check_startable(running.iter().chain(&dependents), startable)?;
    note(journal, &triggers, &running, &dependents)?;
    // Another trigger is not stopped either: polkit does not allow it.
    let stoppable = triggers.iter().filter(|unit| startable.contains(unit));
    for unit in stoppable.chain(&running).chain(&dependents) {
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
    let mut stopped = Stopped::default();
    for unit in wanted.iter().chain(&dependents) {
        wait(unit, units)?;
        let last = units.last_activation(unit)?;
        stopped.units.push((unit.clone(), last));
    }
    Ok(stopped)
}

impl Stopped {
    /// Reports the units that run, or have run since they were stopped. systemd gives each
    /// activation an id, and keeps that of a unit that the unit of the run refers to.
    ///
    /// # Errors
    /// If systemd cannot be asked.
    pub fn came_back(&self, units: &dyn Units) -> Result<Option<Problem>, Failure> {
        let mut back = Vec::new();
        for (unit, before) in &self.units {
            let last = units.last_activation(unit)?;
            let ran = !last.is_empty() && last != *before;
            if ran || units.activity(unit)? != Activity::Inactive {
                back.push(unit.as_str());
            }
        }
        if back.is_empty() {
            return Ok(None);
        }
        Ok(Some(Problem::new(
            format!(
                "{} ran while the data was read, although quiesce.units wants it stopped",
                back.join(", ")
            ),
            "find what started it with `systemctl status`, and name that in quiesce.units too",
        )))
    }
}

/// What depends on a unit at run time may be more than the configuration, and therefore
/// polkit's rule, knows of.
fn check_startable<'a>(
    down: impl Iterator<Item = &'a String>,
    startable: &[String],
) -> Result<(), Failure> {
    let mut strangers: Vec<&str> = Vec::new();
    for unit in down {
        if !startable.contains(unit) && !strangers.contains(&unit.as_str()) {
            strangers.push(unit);
        }
    }
    if strangers.is_empty() {
        return Ok(());
    }
    let names = strangers.join(", ");
    Err(Failure::new(
        format!(
            "{names} would be stopped too and could not be started again, so nothing was \
             stopped: the NixOS configuration does not say what {names} depends on"
        ),
        format!(
            "say it there (systemd.services.<name>.requires, bindsTo or partOf), or stop {names} \
             yourself (`systemctl stop {}`)",
            strangers.join(" ")
        ),
    ))
}

/// Waits until a unit that systemd stops along with others is down: its job is not ours.
fn wait(unit: &str, units: &dyn Units) -> Result<(), Failure> {
    while units.activity(unit)? == Activity::Stopping {
        thread::sleep(TICK);
    }
    Ok(())
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
