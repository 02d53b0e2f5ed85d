//! Asking polkit whether a caller may do something.

use std::collections::HashMap;

use zbus::Connection;
use zbus::message::{Flags, Header};
use zbus::wire::Variant;

use super::refusal::Refusal;

/// polkit may ask the caller for a password.
const ALLOW_USER_INTERACTION: u32 = 1;

/// What a caller wants to do.
pub(super) struct Wish<'a> {
    /// polkit's action, below `org.backupservice1.`.
    pub(super) action: &'static str,
    /// In words that follow "may not".
    pub(super) doing: &'static str,
    /// The command that does the same for root.
    pub(super) command: &'static str,
    /// The instance.
    pub(super) instance: &'a str,
}

/// Lets the caller go on only if polkit does. The caller is asked for a password only if
/// it says that somebody is there to type it.
pub(super) async fn check(
    connection: &Connection,
    header: &Header<'_>,
    wish: &Wish<'_>,
) -> Result<(), Refusal> {
    let caller = header
        .sender()
        .ok_or_else(|| Refusal::NotAuthorized("there is no caller".to_owned()))?;
    let interactive = header
        .primary()
        .flags()
        .contains(Flags::ALLOW_INTERACTIVE_AUTH);
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(caller.as_str()))]),
    );
    let action = format!("org.backupservice1.{}", wish.action);
    let details = HashMap::from([("instance", wish.instance)]);
    let flags = if interactive {
        ALLOW_USER_INTERACTION
    } else {
        0
    };
    let reply = connection
        .call_method(
            Some("org.freedesktop.PolicyKit1"),
            "/org/freedesktop/PolicyKit1/Authority",
            Some("org.freedesktop.PolicyKit1.Authority"),
            "CheckAuthorization",
            &(subject, &action, details, flags, ""),
        )
        .await
        .map_err(|error| Refusal::NotAuthorized(format!("polkit cannot be asked: {error}")))?;
    let (authorized, challenge, _): (bool, bool, HashMap<String, String>) =
        reply.body().deserialize()?;
    if authorized {
        return Ok(());
    }
    let Wish {
        doing,
        command,
        instance,
        ..
    } = wish;
    let message = format!(
        "you may not {doing} {instance}: polkit does not grant {action}. Be an administrator \
         in an active session, authenticate as one, or run `sudo backupservice {command} {instance}`."
    );
    Err(if challenge && !interactive {
        Refusal::Interactive(message)
    } else {
        Refusal::NotAuthorized(message)
    })
}
