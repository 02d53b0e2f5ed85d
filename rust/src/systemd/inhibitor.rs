//! Keeping the machine awake while it works.

use std::time::Duration;

use zbus::{Connection, OwnedFd};

/// The machine does not go to sleep by itself as long as this exists.
#[derive(Debug)]
pub struct Inhibitor {
    _inhibitor: OwnedFd,
}

/// Asks logind to put off sleep, as `systemd-inhibit --list` then shows. A person who
/// insists, or closes the lid, is not held up. Without logind nothing happens.
#[must_use]
pub fn inhibit(why: &str) -> Option<Inhibitor> {
    match zbus::block_on(ask(why)) {
        Ok(inhibitor) => Some(Inhibitor {
            _inhibitor: inhibitor,
        }),
        Err(error) => {
            log::debug!("the machine may go to sleep meanwhile: {error}");
            None
        }
    }
}

async fn ask(why: &str) -> zbus::Result<OwnedFd> {
    let connection = zbus::connection::Builder::system()
        .method_timeout(Duration::from_secs(5))
        .build()
        .await?;
    hold(&connection, why).await
}

async fn hold(connection: &Connection, why: &str) -> zbus::Result<OwnedFd> {
    let reply = connection
        .call_method(
            Some("org.freedesktop.login1"),
            "/org/freedesktop/login1",
            Some("org.freedesktop.login1.Manager"),
            "Inhibit",
            &("sleep", "backupservice", why, "block"),
        )
        .await?;
    reply.body().deserialize()
}
