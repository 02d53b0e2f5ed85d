//! Notification channels.

mod call;
mod hook;
mod ping;

use std::path::{Path, PathBuf};

use super::config::{self, Config, ProgramChannels};
use super::events::Event;
use crate::base::problem::Problem;
use crate::systemd::units::Units;

/// A notification channel.
pub(super) struct Channel<'a> {
    /// Kind and name, such as `apprise:phone`.
    pub key: String,
    /// Instances whose events are sent; none for all.
    pub instances: Option<Vec<String>>,
    /// Function that sends, and what it sends.
    pub transport: Transport<'a>,
}

/// Function that sends one notification.
pub(super) type Send<'a, T> = Box<dyn Fn(&T) -> Result<(), Problem> + 'a>;

/// Content that a channel sends.
pub(super) enum Transport<'a> {
    /// Each event.
    Event(Send<'a, Event>),
    /// The current health, whenever an instance has changed.
    State(Send<'a, Health>),
}

/// Health of all instances of a channel.
pub(super) struct Health {
    /// No instance has a problem.
    pub healthy: bool,
    /// Description of the problems, or the names of the healthy instances.
    pub body: String,
}

impl Channel<'_> {
    /// Whether events of this instance are sent.
    pub fn covers(&self, instance: &str) -> bool {
        let instances = self.instances.as_ref();
        instances.is_none_or(|all| all.iter().any(|one| one == instance))
    }
}

/// All configured channels.
pub(super) fn all<'a>(config: &'a Config, units: &'a dyn Units) -> Vec<Channel<'a>> {
    let apprise =
        program_channels(config.apprise.as_ref()).map(|(program, name, channel)| Channel {
            key: format!("apprise:{name}"),
            instances: channel.instances.clone(),
            transport: Transport::Event(Box::new(move |event| {
                call::apprise(program, &credential("apprise", name), event)
            })),
        });
    let ping = program_channels(config.ping.as_ref()).map(|(program, name, channel)| Channel {
        key: format!("ping:{name}"),
        instances: channel.instances.clone(),
        transport: Transport::State(Box::new(move |state| {
            ping::ping(program, &credential("ping", name), state)
        })),
    });
    let hooks = config.hooks.iter().map(|(name, hook)| Channel {
        key: format!("hook:{name}"),
        instances: hook.instances.clone(),
        transport: Transport::Event(Box::new(move |event| hook::start(hook, event, units))),
    });
    apprise.chain(ping).chain(hooks).collect()
}

/// Program, name and settings of each channel of a kind.
fn program_channels(
    kind: Option<&ProgramChannels>,
) -> impl Iterator<Item = (&Path, &String, &config::ChannelConfig)> {
    kind.into_iter().flat_map(|kind| {
        let channels = kind.channels.iter();
        channels.map(|(name, channel)| (kind.program.as_path(), name, channel))
    })
}

/// Path of the credential with the URL of a channel.
fn credential(kind: &str, name: &str) -> PathBuf {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").unwrap_or_default();
    PathBuf::from(directory).join(format!("{kind}-{name}"))
}
