//! Failures of units, as systemd reports them.

use zbus::Connection;

use super::client;

/// Failure of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Invocation id.
    pub invocation: String,
    /// Cause, such as `exit status 2` or `timeout`.
    pub cause: String,
}

/// Reads the failure of the service at an object path.
pub(crate) async fn read(connection: &Connection, path: &str) -> zbus::Result<Crash> {
    let id: Vec<u8> = client::property(connection, path, client::UNIT, "InvocationID").await?;
    let result: String = client::property(connection, path, client::UNIT_SERVICE, "Result").await?;
    let status: i32 =
        client::property(connection, path, client::UNIT_SERVICE, "ExecMainStatus").await?;
    Ok(Crash {
        invocation: client::invocation_id(id),
        cause: match result.as_str() {
            "exit-code" => format!("exit status {status}"),
            "signal" | "core-dump" => format!("killed by signal {status}"),
            result => result.to_owned(),
        },
    })
}
