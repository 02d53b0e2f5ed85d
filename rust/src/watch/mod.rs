//! The monitor (`backupservice unit watch`): finds backups that failed, are overdue or work again,
//! and sends notifications.
//!
//! Runs after every backup and every 15 minutes. Events are derived from the records of runs
//! and from systemd; the state of the last scan and of deliveries is kept in files.

mod channels;
mod clock;
pub mod condition;
pub mod config;
pub mod deadline;
mod deliver;
pub mod derive;
pub mod desktop;
pub mod events;
mod health;
mod metrics;
pub mod model;
pub mod notify_test;
mod scan;
pub mod store;
mod system;
#[cfg(test)]
pub(crate) mod tests;
pub mod uptime;
mod wording;

use log::Level;

use crate::base::lock::{self, Mode};
use crate::base::paths::Host;
use crate::report::{journal, messages};
use crate::systemd::units::Units;
use config::Config;
use events::Event;
use store::Store;

pub use system::{LiveSystem, System, UnitState};

/// Maximum number of scans per call: one more for events during the last delivery.
const ROUNDS: usize = 10;

/// Scans all instances and sends notifications about new events. Returns the exit status: 1 if
/// a notification could not be sent or a file could not be read or written. Nothing of that
/// keeps it from sending the others.
pub fn run(host: &Host, config: &Config, system: &dyn System, units: &dyn Units) -> u8 {
    let runtime = host.monitor_runtime();
    for place in [&host.events(), &runtime] {
        if let Err(error) = std::fs::create_dir_all(place) {
            log::error!("cannot create {}: {error}", place.display());
        }
    }
    let _lock = match lock::try_file(&runtime.join("lock"), Mode::Exclusive) {
        Ok(None) => {
            log::info!("another scan is in progress: nothing to do");
            return 0;
        }
        Ok(lock) => lock,
        // Two scans at once may repeat notifications; none may lose them.
        Err(error) => {
            log::error!("{error:#}");
            None
        }
    };
    let (mut store, damage) = Store::load(host, system.now());
    for problem in &damage {
        log::error!("{problem}");
    }
    let mut well = damage.is_empty();
    let mut delivered = true;
    let credentials = system.credentials();
    let channels = channels::all(config, units, &credentials, &runtime, &store.address_key());
    deliver::register(&mut store, &channels);
    for round in 0..ROUNDS {
        let scan = scan::scan(host, config, system, &mut store);
        // Later rounds would only repeat the problems of the first one.
        if round == 0 {
            scan.problems
                .iter()
                .for_each(|problem| log::error!("{problem}"));
            well &= scan.problems.is_empty();
        }
        scan.new.iter().for_each(log_event);
        well &= store.save();
        let write_metrics = |store: &Store| {
            let file = config.textfile.as_deref();
            file.is_none_or(|file| metrics::write(file, &scan.instances, store, system.now()))
        };
        // Before a delivery, which may hang, and after it, which may fail.
        well &= write_metrics(&store);
        // The first round also retries what was not delivered before.
        let changed = !scan.new.is_empty() || scan.changed;
        if round == 0 || changed {
            delivered = deliver::deliver(&mut store, &scan.instances, &channels, system);
            well &= write_metrics(&store);
        }
        if !changed {
            break;
        }
    }
    u8::from(!(well && delivered))
}

/// Logs events about runs that did not take place; all others are logged by the run itself.
fn log_event(event: &Event) {
    let (level, message) = match event.kind {
        events::EventKind::Overdue => (Level::Error, &messages::OVERDUE),
        events::EventKind::InTime => (Level::Info, &messages::IN_TIME),
        _ => return,
    };
    let problem = event.problem();
    let mut fields = vec![("BACKUP_INSTANCE", event.instance.clone())];
    let text = format!("{}: {problem}", event.title);
    journal::send_problem(level, message, &mut fields, &text, Some(&problem));
}
