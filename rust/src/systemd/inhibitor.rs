//! Sleep inhibitor.

use std::time::Duration;

use zbus::{Connection, OwnedFd};

/// Prevents automatic sleep until dropped.
#[derive(Debug)]
pub struct Inhibitor {
    _inhibitor: OwnedFd,
}

/// Inhibits sleep with logind, as shown by `systemd-inhibit --list`. Does not prevent sleep on
/// request of a user or on closing the lid. Does nothing without logind.
#[must_use]
pub fn inhibit(why: &str) -> Option<Inhibitor> {
    match zbus::block_on(ask(why)) {
        Ok(inhibitor) => Some(Inhibitor {
            _inhibitor: inhibitor,
        }),
        Err(error) => {
            log::debug!("cannot inhibit sleep: {error}");
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
