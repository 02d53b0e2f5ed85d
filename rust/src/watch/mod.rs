//! `watch`: sees that a backup failed, was not made in time or works again, and tells those
//! who want to know.
//!
//! Runs after every backup and every few minutes. What happened comes from the records that
//! runs leave and from systemd; what was seen and told already is remembered.

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

/// So often at most it looks again for what happened while it told the last news.
const ROUNDS: usize = 10;

/// Looks at all instances and tells what is new. Returns the exit status: 1 if somebody
/// could not be told or something could not be read.
///
/// # Errors
/// What was seen before cannot be read, or what is seen now cannot be written.
pub fn run(
    host: &Host,
    config: &Config,
    system: &dyn System,
    units: &dyn Units,
) -> anyhow::Result<u8> {
    let place = host.events();
    std::fs::create_dir_all(&place)
        .with_context(|| format!("cannot create {}", place.display()))?;
    let Some(_lock) = lock::try_file(&place.join("lock"), Mode::Alone)? else {
        log::info!("another watch is under way");
        return Ok(0);
    };
    let mut store = Store::load(&place)?;
    let channels = channels::all(config, units);
    let mut readable = true;
    let mut arrived = true;
    for round in 0..ROUNDS {
        let seen = scan::look(host, config, system, &mut store)?;
        // What cannot be read now could not be read in the first round, either.
        if round == 0 {
            seen.problems
                .iter()
                .for_each(|problem| log::error!("{problem}"));
            readable = seen.problems.is_empty();
        }
        seen.new.iter().for_each(tell_journal);
        store.save()?;
        // Once for what did not arrive before, and then for what happened meanwhile.
        let is_news = !seen.new.is_empty() || seen.news;
        if round == 0 || is_news {
            arrived = deliver::deliver(&mut store, &channels, system.now())?;
        }
        if let Some(file) = &config.textfile {
            readable &= metrics::write(file, &seen.instances, &store, system.now());
        }
        if !is_news {
            break;
        }
    }
    Ok(u8::from(!(readable && arrived)))
}

/// The journal has what runs themselves tell; nobody but the watch knows of one that did
/// not take place.
fn tell_journal(event: &Event) {
    let (level, message) = match event.kind {
        events::EventKind::Overdue => (Level::Error, &messages::OVERDUE),
        events::EventKind::InTime => (Level::Info, &messages::IN_TIME),
        _ => return,
    };
    let problem = event.problem();
    let mut fields = vec![("BACKUP_INSTANCE", event.instance.clone())];
    journal::blame(&mut fields, Some(&problem));
    journal::send(
        level,
        message,
        &fields,
        &format!("{}: {problem}", event.title),
    );
}
