//! Authorization of callers by polkit.

use std::collections::HashMap;

use zbus::Connection;
use zbus::message::{Flags, Header};
use zbus::wire::Variant;

use super::refusal::Refusal;

/// Flag of `CheckAuthorization`: polkit may ask the user for a password.
const ALLOW_USER_INTERACTION: u32 = 1;

/// Request of a caller.
pub(super) struct Request<'a> {
    /// polkit action, without `org.backupservice1.`.
    pub(super) action: &'static str,
    /// Description that follows "not authorized to".
    pub(super) doing: &'static str,
    /// Command that does the same for root.
    pub(super) command: &'static str,
    /// Instance name.
    pub(super) instance: &'a str,
}

/// Succeeds only if polkit authorizes the caller. polkit asks for a password only if the
/// message allows interactive authorization.
pub(super) async fn check(
    connection: &Connection,
    header: &Header<'_>,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    let caller = header
        .sender()
        .ok_or_else(|| Refusal::NotAuthorized("the message has no sender".to_owned()))?;
    let interactive = header
        .primary()
        .flags()
        .contains(Flags::ALLOW_INTERACTIVE_AUTH);
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(caller.as_str()))]),
    );
    let action = format!("org.backupservice1.{}", request.action);
    let details = HashMap::from([("instance", request.instance)]);
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
        .map_err(|error| Refusal::NotAuthorized(format!("cannot reach polkit: {error}")))?;
    let (authorized, challenge, _): (bool, bool, HashMap<String, String>) =
        reply.body().deserialize()?;
    if authorized {
        return Ok(());
    }
    let Request {
        doing,
        command,
        instance,
        ..
    } = request;
    let message = format!(
        "not authorized to {doing} {instance}: polkit denies {action}. Authenticate as an \
         administrator, or run `sudo backupservice {command} {instance}`."
    );
    Err(if challenge && !interactive {
        Refusal::Interactive(message)
    } else {
        Refusal::NotAuthorized(message)
    })
}
