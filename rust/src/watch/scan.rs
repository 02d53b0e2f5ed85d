//! Scan of all instances.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use super::clock::{self, Clock};
use super::condition::Condition;
use super::config::Config;
use super::deadline::{self, Limits};
use super::derive;
use super::events::{Event, InstanceState};
use super::model::{NewEvent, Observation};
use super::store::Store;
use super::system::{System, UnitState};
use super::wording;
use crate::base::paths::Host;
use crate::base::unit_names;
use crate::plan::{PlanSummary, Schedule, timespan};
use crate::systemd::timers::RunActivity;

/// Result of a scan.
pub(super) struct Scan {
    /// All instances.
    pub instances: Vec<Condition>,
    /// New events.
    pub new: Vec<Event>,
    /// Whether there is an event, or a run has succeeded.
    pub changed: bool,
    /// Errors about instances or units that could not be read.
    pub problems: Vec<String>,
}

/// Scans all instances, and updates their state in the store.
pub(super) fn scan(host: &Host, config: &Config, system: &dyn System, store: &mut Store) -> Scan {
    let mut found = Scan {
        instances: Vec::new(),
        new: Vec::new(),
        changed: false,
        problems: Vec::new(),
    };
    let (plans, errors) = PlanSummary::read_all(&host.plans()).unwrap_or_else(|error| {
        let reason = format!("{error:#}");
        let known = store.cursor.instances.keys();
        let plans = known.map(|name| PlanSummary::unreadable(name, reason.clone()));
        (plans.collect(), vec![error])
    });
    let listed = errors.is_empty();
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
    found.problems.extend(doubt.clone());
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
        let mut problems = Vec::new();
        let mut observed = observe(host, system, &units, plan, clock, &mut problems);
        observed.clock.clone_from(&doubt);
        if let Err(error) = evaluate(config, system, plan, &mut after, &mut observed, clock) {
            problems.push(format!("{error:#}"));
        }
        problems.extend(observed.unreadable.clone());
        let problems = problems.iter().map(|problem| format!("{name}: {problem}"));
        found.problems.extend(problems);
        let (mut condition, derived) = Condition::at_scan(observed, after);
        let unhealthy = !condition.is_healthy();
        if derived.changed || unhealthy != before.unhealthy {
            found.changed = true;
            changed.insert(name.clone());
        }
        condition.state.unhealthy = unhealthy;
        store
            .cursor
            .instances
            .insert(name.clone(), condition.state.clone());
        found.instances.push(condition);
        for new_event in derived.events {
            let event = number(store.cursor.last_event + 1, clock.now, name, new_event);
            store.add(event.clone());
            found.new.push(event);
        }
    }
    // Drop the state of removed instances.
    if listed {
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
    let uptime = system.uptime();
    let awake = store.cursor.awake_since(&uptime);
    store.cursor.awake_seconds = Some(uptime.awake);
    store.cursor.boot_id = uptime.boot_id;
    let now = system.now();
    Clock {
        now,
        awake,
        is_wrong: clock::is_before_this_program(now),
    }
}

/// Observes an instance, adding errors about what is not known to `problems`.
fn observe(
    host: &Host,
    system: &dyn System,
    units: &BTreeMap<String, UnitState>,
    plan: &PlanSummary,
    clock: Clock,
    problems: &mut Vec<String>,
) -> Observation {
    let [service, maintain, timer] = self::units(&plan.instance);
    let mut crash = |unit: &str| {
        let failed = units
            .get(unit)
            .is_some_and(|state| state.active == "failed");
        let crash = failed.then(|| system.crash(unit)).transpose();
        crash.unwrap_or_else(|error| {
            problems.push(format!("{error:#}"));
            None
        })
    };
    // Failures before records: a run that ends in between then has a record.
    let (crash, maintenance_crash) = (crash(&service), crash(&maintain));
    let activity = |unit: &str| units.get(unit).map(UnitState::activity);
    // Without any unit, systemd could not be reached.
    let missing = if units.is_empty() {
        RunActivity::Unknown
    } else {
        RunActivity::Idle
    };
    Observation {
        activity: activity(&service).unwrap_or(missing),
        crash,
        maintaining: activity(&maintain).unwrap_or(missing),
        maintenance_crash,
        timer: units.get(&timer).cloned(),
        ..Observation::read(host, plan, clock.now, false)
    }
}

/// Evaluates the deadlines of an instance. Does nothing if the clock is wrong: then nothing
/// becomes overdue, and nothing is lifted.
fn evaluate(
    config: &Config,
    system: &dyn System,
    plan: &PlanSummary,
    state: &mut InstanceState,
    observed: &mut Observation,
    clock: Clock,
) -> Result<()> {
    let success = derive::new_success(state, observed);
    let maintained = derive::new_maintenance(state, observed);
    // It meets what was expected, whatever the clock says.
    if success.is_some() {
        state.expected = None;
    }
    if maintained.is_some() {
        state.expected_maintenance = None;
    }
    // Without its plan, what is expected is what was.
    if clock.is_wrong || plan.problem.is_some() {
        return Ok(());
    }
    let mut next = |calendar: &str, after| system.next(calendar, after);
    let (first_seen, grace) = (state.first_seen, config.grace);
    let limits = |schedule: &'_ Schedule| timespan::parse(&schedule.randomized_delay);
    let schedule = plan.schedule()?;
    let backup = Limits {
        calendar: &schedule.calendar,
        randomized_delay: limits(&schedule).unwrap_or_default(),
        grace,
        longest: deadline::longest(&observed.runs, clock.now),
        busy: observed.activity.is_busy(),
    };
    let last = success.or_else(|| deadline::last_success(&observed.runs, clock.now));
    let expected = &mut state.expected;
    observed.deadline = Some(deadline::evaluate(
        expected, first_seen, last, &backup, clock, &mut next,
    )?);
    let Some(schedule) = plan.maintenance_schedule() else {
        state.expected_maintenance = None;
        state.maintenance_overdue = false;
        return Ok(());
    };
    let maintenance = Limits {
        calendar: &schedule.calendar,
        randomized_delay: limits(&schedule).unwrap_or_default(),
        longest: Duration::ZERO,
        // It is less urgent, and may wait a day for its conditions or its turn.
        busy: true,
        ..backup
    };
    let last = observed.results.complete;
    let expected = &mut state.expected_maintenance;
    observed.maintenance_deadline = Some(deadline::evaluate(
        expected,
        first_seen,
        last,
        &maintenance,
        clock,
        &mut next,
    )?);
    Ok(())
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
