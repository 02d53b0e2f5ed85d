//! The monitor (`backupservice unit watch`): finds backups that failed, are overdue or work again,
//! and sends notifications.
//!
//! Runs after every backup and every 15 minutes. Events are derived from the records of runs
//! and from systemd; the state of the last scan and of deliveries is kept in files.

mod channels;
pub mod config;
pub mod deadline;
mod deliver;
pub mod derive;
pub mod desktop;
pub mod events;
mod metrics;
mod model;
mod scan;
pub mod store;
mod system;
#[cfg(test)]
mod tests;
mod wording;

use anyhow::Context;
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
/// a notification could not be sent or a file could not be read.
///
/// # Errors
/// The monitor's own state cannot be read or written.
pub fn run(
    host: &Host,
    config: &Config,
    system: &dyn System,
    units: &dyn Units,
) -> anyhow::Result<u8> {
    let place = host.events();
    std::fs::create_dir_all(&place)
        .with_context(|| format!("cannot create {}", place.display()))?;
    let Some(_lock) = lock::try_file(&place.join("lock"), Mode::Exclusive)? else {
        log::info!("another scan is in progress: nothing to do");
        return Ok(0);
    };
    let mut store = Store::load(&place)?;
    let channels = channels::all(config, units);
    let mut readable = true;
    let mut delivered = true;
    for round in 0..ROUNDS {
        let scan = scan::scan(host, config, system, &mut store)?;
        // Later rounds would only repeat the problems of the first one.
        if round == 0 {
            scan.problems
                .iter()
                .for_each(|problem| log::error!("{problem}"));
            readable = scan.problems.is_empty();
        }
        scan.new.iter().for_each(log_event);
        store.save()?;
        // The first round also retries what was not delivered before.
        let changed = !scan.new.is_empty() || scan.changed;
        if round == 0 || changed {
            delivered = deliver::deliver(&mut store, &channels, system.now())?;
        }
        if let Some(file) = &config.textfile {
            readable &= metrics::write(file, &scan.instances, &store, system.now());
        }
        if !changed {
            break;
        }
    }
    Ok(u8::from(!(readable && delivered)))
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
