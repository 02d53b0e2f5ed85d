//! Scan of all instances.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::clock::{self, Clock};
use super::config::Config;
use super::deadline::{self, DeadlineStatus, Limits};
use super::derive::derive;
use super::events::{Event, InstanceState};
use super::model::{NewEvent, Observation};
use super::store::Store;
use super::system::{Crash, System, UnitState};
use super::wording;
use crate::base::paths::Host;
use crate::base::unit_names;
use crate::plan::{PlanSummary, timespan};
use crate::report;
use crate::report::maintenance::{LastResults, MaintenanceRecord};
use crate::report::record::Record;

/// Result of a scan.
pub(super) struct Scan {
    /// All instances.
    pub instances: Vec<ScannedInstance>,
    /// New events.
    pub new: Vec<Event>,
    /// Whether there is an event, or a run has succeeded.
    pub changed: bool,
    /// Errors about instances or units that could not be read.
    pub problems: Vec<String>,
}

/// State of an instance at the time of the scan.
pub(super) struct ScannedInstance {
    pub name: String,
    pub provider: String,
    pub runs: Vec<Record>,
    pub maintenance: Option<MaintenanceRecord>,
    pub running: bool,
    pub timer: Option<UnitState>,
    pub deadline_status: Option<DeadlineStatus>,
    pub results: LastResults,
}

/// Scans all instances, and updates their state in the store.
pub(super) fn scan(host: &Host, config: &Config, system: &dyn System, store: &mut Store) -> Scan {
    let mut found = Scan {
        instances: Vec::new(),
        new: Vec::new(),
        changed: false,
        problems: Vec::new(),
    };
    let (plans, errors) =
        PlanSummary::read_all(&host.plans()).unwrap_or_else(|error| (Vec::new(), vec![error]));
    found
        .problems
        .extend(errors.iter().map(|error| format!("{error:#}")));
    let names: Vec<String> = plans
        .iter()
        .flat_map(|plan| units(&plan.instance))
        .collect();
    let units = system.units(&names).unwrap_or_else(|error| {
        found.problems.push(format!("{error:#}"));
        BTreeMap::new()
    });
    let clock = look_at_clock(system, store);
    let doubt = clock::doubt(clock.now, store.cursor.scanned);
    // One that was set back is said once, and believed from then on.
    if doubt.is_some() && !store.cursor.clock_wrong || store.cursor.clock_wrong != clock.is_wrong {
        let new_event = wording::clock(doubt.as_deref());
        let event = number(store.cursor.last_event + 1, clock.now, "", new_event);
        store.add(event.clone());
        found.new.push(event);
    }
    found.problems.extend(doubt);
    store.cursor.clock_wrong = clock.is_wrong;
    store.cursor.scanned = Some(clock.now);
    let mut changed = BTreeSet::new();
    for plan in &plans {
        let name = &plan.instance;
        let before = store.cursor.instances.remove(name);
        let before = before.unwrap_or_else(|| InstanceState::new(clock.now));
        let mut after = before.clone();
        // Seen by a clock that was wrong then.
        if !clock.is_wrong
            && (after.first_seen > clock.now || clock::is_before_this_program(after.first_seen))
        {
            after.first_seen = clock.now;
        }
        match one(host, config, system, &units, plan, &mut after, clock) {
            Ok((instance, events, has_changed)) => {
                found.instances.push(instance);
                if has_changed {
                    found.changed = true;
                    changed.insert(name.clone());
                }
                store.cursor.instances.insert(name.clone(), after);
                for new_event in events {
                    let event = number(store.cursor.last_event + 1, clock.now, name, new_event);
                    store.add(event.clone());
                    found.new.push(event);
                }
            }
            Err(error) => {
                found.problems.push(format!("{name}: {error:#}"));
                store.cursor.instances.insert(name.clone(), before);
            }
        }
    }
    // Drop the state of removed instances, but not of instances that could not be read.
    if found.problems.is_empty() {
        let is_there = |name: &String| plans.iter().any(|plan| plan.instance == *name);
        store.cursor.instances.retain(|name, _| is_there(name));
    }
    for address in store.cursor.channels.values_mut().flatten() {
        address.changed.extend(changed.iter().cloned());
    }
    found
}

/// The time, and how long the machine was awake since the last scan.
fn look_at_clock(system: &dyn System, store: &mut Store) -> Clock {
    let (awake, boot_id) = (system.awake(), system.boot_id());
    let same_boot = boot_id == store.cursor.boot_id;
    let since = match store.cursor.awake_seconds {
        Some(before) if same_boot && before <= awake => awake - before,
        // Booted since.
        Some(_) => awake,
        None => 0.0,
    };
    store.cursor.awake_seconds = Some(awake);
    store.cursor.boot_id = boot_id;
    let now = system.now();
    Clock {
        now,
        awake: since,
        is_wrong: clock::is_before_this_program(now),
    }
}

fn one(
    host: &Host,
    config: &Config,
    system: &dyn System,
    units: &BTreeMap<String, UnitState>,
    plan: &PlanSummary,
    state: &mut InstanceState,
    clock: Clock,
) -> Result<(ScannedInstance, Vec<NewEvent>, bool)> {
    let name = &plan.instance;
    let directories = host.instance(name);
    let [service, maintain, timer] = self::units(name);
    let is_busy = |unit: &str| units.get(unit).is_some_and(UnitState::is_busy);
    let crash = |unit: &str| -> Result<Option<Crash>> {
        let failed = units
            .get(unit)
            .is_some_and(|state| state.active == "failed");
        failed.then(|| system.crash(unit)).transpose()
    };
    // Failures before records: a run that ends in between then has a record.
    let (crash, maintenance_crash) = (crash(&service)?, crash(&maintain)?);
    let runs = report::history(&directories)?;
    let maintenance = report::last_maintenance(&directories)?;
    let running = is_busy(&service);
    let results = report::last_results(&directories)?;
    let maintaining = is_busy(&maintain);
    let schedule = plan.schedule()?;
    let mut next = |calendar: &str, after| system.next(calendar, after);
    // A clock that is wrong lets nothing become overdue, and lifts nothing.
    let evaluated = !clock.is_wrong;
    let deadline_status = if evaluated {
        let limits = Limits {
            calendar: &schedule.calendar,
            randomized_delay: timespan::parse(&schedule.randomized_delay).unwrap_or_default(),
            grace: config.grace,
            longest: deadline::longest(&runs, clock.now),
            busy: running,
        };
        let last = deadline::last_success(&runs, clock.now);
        let expected = &mut state.expected;
        let first_seen = state.first_seen;
        Some(deadline::evaluate(
            expected, first_seen, last, &limits, clock, &mut next,
        )?)
    } else {
        None
    };
    let maintenance_deadline = match plan.maintenance_schedule().filter(|_| evaluated) {
        Some(schedule) => {
            let limits = Limits {
                calendar: &schedule.calendar,
                randomized_delay: timespan::parse(&schedule.randomized_delay).unwrap_or_default(),
                grace: config.grace,
                longest: Duration::ZERO,
                // It is less urgent, and may wait a day for its conditions or its turn.
                busy: true,
            };
            let last = results
                .complete
                .filter(|then| *then <= clock.now + clock::SKEW);
            let expected = &mut state.expected_maintenance;
            let first_seen = state.first_seen;
            Some(deadline::evaluate(
                expected, first_seen, last, &limits, clock, &mut next,
            )?)
        }
        None => None,
    };
    if evaluated && maintenance_deadline.is_none() {
        state.expected_maintenance = None;
        state.maintenance_overdue = false;
    }
    let zone = TimeZone::system();
    let observed = Observation {
        instance: name,
        now: clock.now,
        zone: &zone,
        runs: &runs,
        running,
        maintenance: maintenance.as_ref(),
        results: &results,
        maintaining,
        crash: crash.as_ref(),
        maintenance_crash: maintenance_crash.as_ref(),
        timer: units.get(&timer),
        deadline_status: deadline_status.as_ref(),
        maintenance_deadline: maintenance_deadline.as_ref(),
    };
    let derived = derive(state, &observed);
    let instance = ScannedInstance {
        name: name.clone(),
        provider: plan.provider().to_owned(),
        timer: units.get(&timer).cloned(),
        running,
        runs,
        maintenance,
        deadline_status,
        results,
    };
    Ok((instance, derived.events, derived.changed))
}

fn units(name: &str) -> [String; 3] {
    [
        unit_names::service(name, ""),
        unit_names::service(name, unit_names::MAINTAIN),
        unit_names::timer(name, ""),
    ]
}

fn number(id: u64, time: Timestamp, instance: &str, new_event: NewEvent) -> Event {
    Event {
        id,
        time,
        kind: new_event.kind,
        instance: instance.to_owned(),
        title: new_event.title,
        message: new_event.problem.message,
        remedy: new_event.problem.remedy,
        details_command: new_event.details_command,
        record: new_event.record,
    }
}
