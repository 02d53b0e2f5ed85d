//! Signals from systemd and from the kernel.

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

/// Forwards jobs of backupservice's units, and reloads of systemd, such as after a switch to a
/// new configuration.
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
        // Without the bus there are no callers left.
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

/// Forwards SIGTERM and SIGINT as a request to exit.
///
/// # Errors
/// The signal handlers cannot be installed.
pub(super) fn of_termination(events: Sender<Change>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = events.send(Change::Quit);
        }
    });
    Ok(())
}
