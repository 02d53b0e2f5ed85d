//! What systemd and the kernel tell by themselves.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::thread;

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use zbus::message::Message;
use zbus::proxy::SignalStream;
use zbus::wire::OwnedObjectPath;
use zbus::{Connection, Proxy};

use super::Change;
use crate::base::unit_names;
use crate::systemd::client;

/// Passes on which units of ours begin and end, and when systemd has read its files anew,
/// as it does when a new configuration is switched to.
///
/// # Errors
/// systemd cannot be reached.
pub(super) fn of_systemd(connection: &Connection, events: Sender<Change>) -> zbus::Result<()> {
    let mut stream: SignalStream<'static> = zbus::block_on(async {
        let manager = Proxy::new_owned(
            connection.clone(),
            client::SERVICE,
            client::PATH,
            client::MANAGER,
        )
        .await?;
        let stream = manager.receive_all_signals().await?;
        let () = manager.call("Subscribe", &()).await?;
        Ok::<_, zbus::Error>(stream)
    })?;
    thread::spawn(move || {
        while let Some(message) =
            zbus::block_on(poll_fn(|context| Pin::new(&mut stream).poll_next(context)))
        {
            if let Some(event) = event(&message)
                && events.send(event).is_err()
            {
                return;
            }
        }
        // The bus is gone, and so is everybody who could ask.
        let _ = events.send(Change::Quit);
    });
    Ok(())
}

fn event(message: &Message) -> Option<Change> {
    let header = message.header();
    let unit = match header.member()?.as_str() {
        "JobNew" => {
            let (_, _, unit): (u32, OwnedObjectPath, String) = message.body().deserialize().ok()?;
            unit
        }
        "JobRemoved" => {
            type Arguments = (u32, OwnedObjectPath, String, String);
            let (_, _, unit, _): Arguments = message.body().deserialize().ok()?;
            unit
        }
        "Reloading" => {
            let begins: bool = message.body().deserialize().ok()?;
            return (!begins).then_some(Change::Everything);
        }
        _ => return None,
    };
    unit.starts_with(unit_names::PREFIX)
        .then_some(Change::Unit(unit))
}

/// Passes on that the daemon is to end.
///
/// # Errors
/// The signal handlers cannot be installed.
pub(super) fn of_the_end(events: Sender<Change>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = events.send(Change::Quit);
        }
    });
    Ok(())
}
