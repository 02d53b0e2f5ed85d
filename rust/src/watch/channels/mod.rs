//! Notification channels.

mod apprise;
mod call;
mod hook;
mod ping;

use std::hash::{DefaultHasher, Hash, Hasher};
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
    pub addresses: Result<Vec<Recipient<'a>>, Problem>,
}

/// One address of a channel.
pub(super) struct Recipient<'a> {
    /// Names it without telling what it is; empty for the only one.
    pub id: String,
    /// Sends to it.
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
    /// Whether events of this instance are sent. What has no instance concerns all.
    pub fn covers(&self, instance: &str) -> bool {
        let instances = self.instances.as_ref();
        instance.is_empty() || instances.is_none_or(|all| all.iter().any(|one| one == instance))
    }
}

/// All configured channels. `credentials` is the directory of their URLs, `scratch` one
/// that only this user can read, and `key` makes the hashes of addresses secret.
pub(super) fn all<'a>(
    config: &'a Config,
    units: &'a dyn Units,
    credentials: &'a Path,
    scratch: &'a Path,
    key: &str,
) -> Vec<Channel<'a>> {
    let credential = |kind: &str, name: &str| credentials.join(format!("{kind}-{name}"));
    let only = |transport| {
        Ok(vec![Recipient {
            id: String::new(),
            transport,
        }])
    };
    let apprise = program_channels(config.apprise.as_ref()).map(|(program, name, channel)| {
        let addresses = apprise::addresses(&credential("apprise", name));
        let recipient = |url: String| {
            let id = hash(key, &url);
            let send = move |event: &Event| apprise::send(program, &url, scratch, event);
            let transport = Transport::Event(Box::new(send));
            Recipient { id, transport }
        };
        Channel {
            key: format!("apprise:{name}"),
            instances: channel.instances.clone(),
            addresses: addresses.map(|urls| urls.into_iter().map(recipient).collect()),
        }
    });
    let ping = program_channels(config.ping.as_ref()).map(|(program, name, channel)| {
        let file = credential("ping", name);
        let send = move |health: &Health| ping::ping(program, &file, health);
        Channel {
            key: format!("ping:{name}"),
            instances: channel.instances.clone(),
            addresses: only(Transport::State(Box::new(send))),
        }
    });
    let hooks = config.hooks.iter().map(|(name, hook)| {
        let send = move |event: &Event| hook::start(hook, event, units);
        Channel {
            key: format!("hook:{name}"),
            instances: hook.instances.clone(),
            addresses: only(Transport::Event(Box::new(send))),
        }
    });
    apprise.chain(ping).chain(hooks).collect()
}

/// Hash of an address. Another version of Rust may hash differently: then all are new, and get
/// what any of them has not got.
fn hash(key: &str, url: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (key, url).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
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
