//! The ways to tell somebody.

mod call;
mod hook;
mod ping;

use std::path::{Path, PathBuf};

use super::config::{self, Called, Config};
use super::events::Event;
use crate::base::problem::Problem;
use crate::systemd::units::Units;

/// A way to tell somebody.
pub(super) struct Channel<'a> {
    /// Its kind and its name.
    pub key: String,
    /// Whose news go there; everybody's if none.
    pub instances: Option<Vec<String>>,
    /// How.
    pub way: Way<'a>,
}

/// Sends one thing.
pub(super) type Send<'a, T> = Box<dyn Fn(&T) -> Result<(), Problem> + 'a>;

/// What is sent.
pub(super) enum Way<'a> {
    /// Each event.
    Event(Send<'a, Event>),
    /// How things are, whenever that may have changed.
    State(Send<'a, Ping>),
}

/// How things are with all instances of a channel.
pub(super) struct Ping {
    /// All is well.
    pub well: bool,
    /// What is not.
    pub body: String,
}

impl Channel<'_> {
    /// Whether news of this instance go there.
    pub fn is_about(&self, instance: &str) -> bool {
        let instances = self.instances.as_ref();
        instances.is_none_or(|all| all.iter().any(|one| one == instance))
    }
}

/// All channels there are.
pub(super) fn all<'a>(config: &'a Config, units: &'a dyn Units) -> Vec<Channel<'a>> {
    let apprise = called(config.apprise.as_ref()).map(|(program, name, channel)| Channel {
        key: format!("apprise:{name}"),
        instances: channel.instances.clone(),
        way: Way::Event(Box::new(move |event| {
            call::apprise(program, &credential("apprise", name), event)
        })),
    });
    let ping = called(config.ping.as_ref()).map(|(program, name, channel)| Channel {
        key: format!("ping:{name}"),
        instances: channel.instances.clone(),
        way: Way::State(Box::new(move |state| {
            ping::ping(program, &credential("ping", name), state)
        })),
    });
    let hooks = config.hooks.iter().map(|(name, hook)| Channel {
        key: format!("hook:{name}"),
        instances: hook.instances.clone(),
        way: Way::Event(Box::new(move |event| hook::start(hook, event, units))),
    });
    apprise.chain(ping).chain(hooks).collect()
}

/// The program, the name and the settings of each.
fn called(kind: Option<&Called>) -> impl Iterator<Item = (&Path, &String, &config::ChannelConfig)> {
    kind.into_iter().flat_map(|kind| {
        let channels = kind.channels.iter();
        channels.map(|(name, channel)| (kind.program.as_path(), name, channel))
    })
}

/// Where systemd puts the URL of a channel.
fn credential(kind: &str, name: &str) -> PathBuf {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").unwrap_or_default();
    PathBuf::from(directory).join(format!("{kind}-{name}"))
}
