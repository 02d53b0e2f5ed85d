//! The daemon: keeps the objects up to date and emits signals about changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use zbus::fdo::{ObjectManager, Properties, RequestNameFlags};
use zbus::names::InterfaceName;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, block_on, fdo};

use super::files::Files;
use super::instance::InstanceObject;
use super::usage::Usage;
use super::view::View;
use super::{Change, EVERY, signals};
use crate::base::bus_names::{self, INSTANCE, NAME, PATH};
use crate::base::paths::Host;
use crate::base::unit_names::unit;
use crate::client::status::collect::{self, Context};
use crate::plan::PlanSummary;
use crate::report::Records;
use crate::report::record::Record;
use crate::systemd::timers::{UnitStates, is_restore};
use crate::watch::store;
use crate::watch::uptime::Uptime;

/// Maximum time between two updates while something is running, should a signal get lost.
const POLL: Duration = Duration::from_secs(10);

/// Serves until there has been no call for `idle` and nothing is running.
///
/// # Errors
/// The bus cannot be reached, or refuses the name.
pub fn run(host: &Host, idle: Duration) -> anyhow::Result<()> {
    let (sender, events) = channel();
    signals::of_termination(sender.clone())?;
    let connection = block_on(Connection::system()).context("cannot reach the system bus")?;
    let files = Files::watch(sender.clone()).context("cannot watch the state files")?;
    signals::of_systemd(&connection, sender).context("cannot subscribe to signals of systemd")?;
    let mut daemon = Daemon {
        host,
        connection,
        files,
        usage: Arc::new(Usage::new()),
        plans: Vec::new(),
        instances: BTreeMap::new(),
        dirty: Dirty::default(),
    };
    daemon.dirty.everything = true;
    daemon.refresh()?;
    block_on(async {
        let server = daemon.connection.object_server();
        server.at(PATH, ObjectManager).await?;
        // If another daemon owns the name, it serves the caller.
        let flags = RequestNameFlags::DO_NOT_QUEUE;
        daemon.connection.request_name_with_flags(NAME, flags).await
    })
    .with_context(|| format!("cannot acquire the bus name {NAME}"))?;
    daemon.serve(&events, idle)?;
    daemon.leave()
}

struct Daemon<'a> {
    host: &'a Host,
    connection: Connection,
    files: Files,
    usage: Arc<Usage>,
    plans: Vec<PlanSummary>,
    instances: BTreeMap<String, InstanceObject>,
    dirty: Dirty,
}

/// Objects that may be out of date.
#[derive(Debug, Default)]
struct Dirty {
    everything: bool,
    instances: BTreeSet<String>,
}

impl Dirty {
    fn any(&self) -> bool {
        self.everything || !self.instances.is_empty()
    }
}

impl Daemon<'_> {
    fn serve(&mut self, events: &Receiver<Change>, idle: Duration) -> anyhow::Result<()> {
        let mut refreshed = Instant::now();
        loop {
            let running: Vec<String> = self
                .instances
                .iter()
                .filter(|(_, instance)| instance.view().is_running())
                .map(|(name, _)| name.clone())
                .collect();
            let wake = if self.dirty.any() {
                refreshed + EVERY
            } else if running.is_empty() {
                self.usage.last().unwrap_or_else(Instant::now) + idle
            } else {
                refreshed + POLL
            };
            // Starts and ends of units are rare, and callers wait for them.
            let mut urgent = false;
            match events.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(Change::Quit) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(event) => {
                    urgent = matches!(event, Change::Unit(_));
                    self.note(event);
                }
                Err(RecvTimeoutError::Timeout) if self.dirty.any() => {}
                Err(RecvTimeoutError::Timeout) if !running.is_empty() => {
                    self.dirty.instances.extend(running);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.usage.last().is_some_and(|last| last.elapsed() >= idle) {
                        return Ok(());
                    }
                }
            }
            if self.dirty.any() && (urgent || refreshed.elapsed() >= EVERY) {
                self.refresh()?;
                refreshed = Instant::now();
            }
        }
    }

    fn note(&mut self, event: Change) {
        match event {
            Change::Instance(name) => {
                self.dirty.instances.insert(name);
            }
            Change::Everything => self.dirty.everything = true,
            Change::Unit(name) => self.dirty.instances.extend(
                self.instances
                    .keys()
                    .filter(|instance| is_of(&name, instance))
                    .cloned(),
            ),
            Change::Quit => {}
        }
    }

    /// Updates all objects that may be out of date, and emits their changes.
    fn refresh(&mut self) -> anyhow::Result<()> {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.everything {
            match collect::instances(self.host) {
                Ok(plans) => self.plans = plans,
                Err(error) => log::error!("cannot read the plans: {error:#}"),
            }
            self.drop_missing()?;
        }
        let plans: Vec<PlanSummary> = self
            .plans
            .iter()
            .filter(|plan| dirty.everything || dirty.instances.contains(&plan.instance))
            .cloned()
            .collect();
        let names: Vec<&str> = plans.iter().map(|plan| plan.instance.as_str()).collect();
        self.files.add(self.host, names.iter().copied());
        let asked = block_on(UnitStates::ask_on(&self.connection, &names));
        let schedule = asked.unwrap_or_else(|error| {
            log::warn!("cannot get the state of units from systemd: {error}");
            UnitStates::default()
        });
        let views: Vec<View> = {
            let context = Context {
                host: self.host,
                units: schedule,
                cursor: store::cursor(self.host),
                uptime: Uptime::now(),
                now: Timestamp::now(),
            };
            plans
                .iter()
                .map(|plan| context.status(plan).into())
                .collect()
        };
        for (plan, view) in plans.iter().zip(views) {
            self.show(&plan.instance, view)?;
        }
        Ok(())
    }

    fn drop_missing(&mut self) -> zbus::Result<()> {
        let there: BTreeSet<&str> = self
            .plans
            .iter()
            .map(|plan| plan.instance.as_str())
            .collect();
        let (kept, gone) = std::mem::take(&mut self.instances)
            .into_iter()
            .partition(|(name, _)| there.contains(name.as_str()));
        self.instances = kept;
        for name in gone.keys() {
            let server = self.connection.object_server();
            block_on(server.remove::<InstanceObject, _>(bus_names::of_instance(name)))?;
        }
        Ok(())
    }

    fn show(&mut self, name: &str, view: View) -> zbus::Result<()> {
        let path = bus_names::of_instance(name);
        let Some(instance) = self.instances.get(name) else {
            let instance = InstanceObject {
                host: self.host.clone(),
                view: Arc::new(view.into()),
                usage: Arc::clone(&self.usage),
            };
            self.instances.insert(name.to_owned(), instance.clone());
            return block_on(self.connection.object_server().at(path, instance)).map(|_| ());
        };
        let old = std::mem::replace(&mut *instance.view(), view.clone());
        let changed: std::collections::HashMap<_, _> = old.changes(&view).into_iter().collect();
        if changed.is_empty() {
            return Ok(());
        }
        block_on(async {
            let emitter = SignalEmitter::new(&self.connection, path)?;
            let interface = InterfaceName::try_from(INSTANCE)?;
            Properties::properties_changed(&emitter, interface, changed, Cow::Borrowed(&[]))
                .await?;
            if old.last_run_id != view.last_run_id {
                for run in self.runs_since(name, &old.last_run_id) {
                    let snapshot = run.snapshot.as_deref().unwrap_or_default();
                    let outcome = run.outcome.as_str();
                    InstanceObject::finished(&emitter, &run.run_id, outcome, snapshot).await?;
                }
            }
            Ok(())
        })
    }

    /// The runs that have ended since the one with this id: more than one if they were short.
    fn runs_since(&self, name: &str, run_id: &str) -> Vec<Record> {
        let mut runs = Records::read(&self.host.instance(name), false).runs;
        let known = runs.iter().rposition(|run| run.run_id == run_id);
        let new = match known {
            Some(position) => position + 1,
            // The daemon has seen the instance before any run.
            None if run_id.is_empty() => 0,
            None => runs.len().saturating_sub(1),
        };
        runs.split_off(new)
    }

    /// Releases the name, so that the next call starts another daemon, and answers the calls
    /// received before.
    fn leave(self) -> anyhow::Result<()> {
        block_on(self.connection.release_name(NAME))?;
        while self.usage.last().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        // A round trip, after which all earlier answers have been sent.
        block_on(async {
            let bus = fdo::DBusProxy::new(&self.connection).await?;
            bus.get_id().await
        })?;
        Ok(())
    }
}

/// Whether the state of an instance depends on a unit.
fn is_of(name: &str, instance: &str) -> bool {
    is_restore(name, instance)
        || ["", "-maintain"].iter().any(|suffix| {
            ["service", "timer"]
                .iter()
                .any(|kind| unit(instance, suffix, kind) == name)
        })
}
