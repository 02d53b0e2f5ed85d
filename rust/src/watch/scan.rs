//! One look at all instances.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::config::Config;
use super::deadline::{self, Clock, DeadlineStatus, Limits};
use super::derive::derive;
use super::events::{Event, InstanceState};
use super::model::{NewEvent, Observation};
use super::store::Store;
use super::system::{Crash, System, UnitState};
use crate::base::paths::Host;
use crate::base::unit_names;
use crate::plan::Schedule;
use crate::plan::timespan;
use crate::report;
use crate::report::maintenance::MaintenanceRecord;
use crate::report::record::Record;

/// What a look found.
pub(super) struct Scan {
    /// All instances.
    pub instances: Vec<ScannedInstance>,
    /// What happened.
    pub new: Vec<Event>,
    /// Some run has ended, if only as one more success.
    pub news: bool,
    /// What could not be looked at, and why.
    pub problems: Vec<String>,
}

/// An instance as it is now.
pub(super) struct ScannedInstance {
    pub name: String,
    pub provider: String,
    pub runs: Vec<Record>,
    pub maintenance: Option<MaintenanceRecord>,
    pub running: bool,
    pub timer: Option<UnitState>,
    pub judged: Option<DeadlineStatus>,
}

/// What is needed of a plan.
#[derive(Deserialize)]
struct ScannedPlan {
    instance: String,
    provider: ScannedProvider,
    schedule: Schedule,
}

#[derive(Deserialize)]
struct ScannedProvider {
    #[serde(rename = "type")]
    kind: String,
}

/// Looks at all instances, and remembers what was seen.
///
/// # Errors
/// The plans cannot be listed.
pub(super) fn look(
    host: &Host,
    config: &Config,
    system: &dyn System,
    store: &mut Store,
) -> Result<Scan> {
    let mut found = Scan {
        instances: Vec::new(),
        new: Vec::new(),
        news: false,
        problems: Vec::new(),
    };
    let plans = plans(&host.plans(), &mut found.problems)?;
    let names: Vec<String> = plans
        .iter()
        .flat_map(|plan| units(&plan.instance))
        .collect();
    let units = system.units(&names).unwrap_or_else(|error| {
        found.problems.push(format!("{error:#}"));
        BTreeMap::new()
    });
    let awake = system.awake();
    let clock = Clock {
        now: system.now(),
        // Less than before: it was switched off and on.
        awake: match store.cursor.awake {
            Some(before) if before <= awake => awake - before,
            Some(_) => awake,
            None => 0.0,
        },
    };
    store.cursor.awake = Some(awake);
    let mut told = BTreeSet::new();
    for plan in &plans {
        let name = &plan.instance;
        let mut seen = store.cursor.instances.remove(name);
        let seen = seen
            .get_or_insert_with(|| InstanceState::new(clock.now))
            .clone();
        let mut after = seen.clone();
        match one(host, config, system, &units, plan, &mut after, clock) {
            Ok((instance, drafts, news)) => {
                found.instances.push(instance);
                found.news |= news;
                if news {
                    told.insert(name.clone());
                }
                store.cursor.instances.insert(name.clone(), after);
                for draft in drafts {
                    let event = number(store.cursor.last_event + 1, clock.now, name, draft);
                    store.add(event.clone());
                    found.new.push(event);
                }
            }
            Err(error) => {
                found.problems.push(format!("{name}: {error:#}"));
                store.cursor.instances.insert(name.clone(), seen);
            }
        }
    }
    // Of what is not configured any more, nothing is to be told. One that cannot be read is.
    if found.problems.is_empty() {
        let is_there = |name: &String| plans.iter().any(|plan| plan.instance == *name);
        store.cursor.instances.retain(|name, _| is_there(name));
    }
    for channel in store.cursor.channels.values_mut() {
        channel.news.extend(told.iter().cloned());
    }
    Ok(found)
}

fn one(
    host: &Host,
    config: &Config,
    system: &dyn System,
    units: &BTreeMap<String, UnitState>,
    plan: &ScannedPlan,
    seen: &mut InstanceState,
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
    // In this order: what ends in between has a record then.
    let (crash, maintenance_crash) = (crash(&service)?, crash(&maintain)?);
    let runs = report::history(&directories)?;
    let maintenance = report::last_maintenance(&directories)?;
    let running = is_busy(&service);
    let limits = Limits {
        calendar: &plan.schedule.calendar,
        randomized_delay: timespan::parse(&plan.schedule.randomized_delay).unwrap_or_default(),
        grace: config.grace,
    };
    let judged = deadline::evaluate(
        &mut seen.wait,
        seen.first_seen,
        &runs,
        running,
        &limits,
        clock,
        &mut |calendar, after| system.next(calendar, after),
    )?;
    let zone = TimeZone::system();
    let facts = Observation {
        instance: name,
        now: clock.now,
        zone: &zone,
        runs: &runs,
        running,
        maintenance: maintenance.as_ref(),
        maintaining: is_busy(&maintain),
        crash: crash.as_ref(),
        maintenance_crash: maintenance_crash.as_ref(),
        timer: units.get(&timer),
        judged: Some(&judged),
    };
    let derived = derive(seen, &facts);
    let instance = ScannedInstance {
        name: name.clone(),
        provider: plan.provider.kind.clone(),
        timer: units.get(&timer).cloned(),
        running,
        runs,
        maintenance,
        judged: Some(judged),
    };
    Ok((instance, derived.drafts, derived.news))
}

fn units(name: &str) -> [String; 3] {
    [
        unit_names::service(name, ""),
        unit_names::service(name, unit_names::MAINTAIN),
        unit_names::timer(name, ""),
    ]
}

fn number(id: u64, time: Timestamp, instance: &str, draft: NewEvent) -> Event {
    Event {
        id,
        time,
        kind: draft.kind,
        instance: instance.to_owned(),
        title: draft.title,
        text: draft.problem.message,
        remedy: draft.problem.remedy,
        look: draft.look,
        record: draft.record,
    }
}

fn plans(directory: &Path, problems: &mut Vec<String>) -> Result<Vec<ScannedPlan>> {
    let listing = || format!("cannot list {}", directory.display());
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(listing)?,
    };
    let mut plans = Vec::new();
    for entry in entries {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let read = fs::read(&path).map_err(anyhow::Error::from);
        match read.and_then(|text| Ok(serde_json::from_slice::<ScannedPlan>(&text)?)) {
            Ok(plan) => plans.push(plan),
            Err(error) => problems.push(format!("cannot read {}: {error:#}", path.display())),
        }
    }
    plans.sort_by(|a, b| a.instance.cmp(&b.instance));
    Ok(plans)
}
