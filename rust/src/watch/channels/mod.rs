//! Notification channels.

mod apprise;
mod call;
mod hook;
mod ping;

use std::path::Path;

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
    /// Where it sends to; an error if that cannot be read.
    pub addresses: Result<Vec<Transport<'a>>, Problem>,
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
    /// Whether events of this instance are sent. What has no instance concerns all.
    pub fn covers(&self, instance: &str) -> bool {
        let instances = self.instances.as_ref();
        instance.is_empty() || instances.is_none_or(|all| all.iter().any(|one| one == instance))
    }
}

/// All configured channels. `credentials` is the directory of their URLs, and `scratch` one
/// that only this user can read.
pub(super) fn all<'a>(
    config: &'a Config,
    units: &'a dyn Units,
    credentials: &'a Path,
    scratch: &'a Path,
) -> Vec<Channel<'a>> {
    let credential = |kind: &str, name: &str| credentials.join(format!("{kind}-{name}"));
    let apprise = program_channels(config.apprise.as_ref()).map(|(program, name, channel)| {
        let addresses = apprise::addresses(&credential("apprise", name));
        let transport = |url: String| {
            let send = move |event: &Event| apprise::send(program, &url, scratch, event);
            Transport::Event(Box::new(send))
        };
        Channel {
            key: format!("apprise:{name}"),
            instances: channel.instances.clone(),
            addresses: addresses.map(|urls| urls.into_iter().map(transport).collect()),
        }
    });
    let ping = program_channels(config.ping.as_ref()).map(|(program, name, channel)| {
        let file = credential("ping", name);
        let send = move |health: &Health| ping::ping(program, &file, health);
        Channel {
            key: format!("ping:{name}"),
            instances: channel.instances.clone(),
            addresses: Ok(vec![Transport::State(Box::new(send))]),
        }
    });
    let hooks = config.hooks.iter().map(|(name, hook)| {
        let send = move |event: &Event| hook::start(hook, event, units);
        Channel {
            key: format!("hook:{name}"),
            instances: hook.instances.clone(),
            addresses: Ok(vec![Transport::Event(Box::new(send))]),
        }
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
