//! Whether a backup is under way, as systemd knows it.

use std::time::Duration;

use serde::Serialize;

/// What an instance does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// A run is under way.
    Running,
    /// systemd cannot be asked.
    Unknown,
}

/// Asks systemd whether `backupservice-<instance>.service` runs; the maintenance's is that of
/// the instance `<name>-maintain`. A state file alone
/// proves nothing: a killed run leaves its own behind.
#[must_use]
pub fn ask_systemd(instance: &str) -> Activity {
    let unit = format!("backupservice-{instance}.service");
    match zbus::block_on(active_state(&unit)) {
        // Deactivating: its last steps, such as starting what was stopped.
        Ok(state) if ["activating", "active", "deactivating"].contains(&state.as_str()) => {
            Activity::Running
        }
        Ok(_) => Activity::Idle,
        Err(error) => {
            log::debug!("cannot ask systemd about {unit}: {error}");
            Activity::Unknown
        }
    }
}

async fn active_state(unit: &str) -> zbus::Result<String> {
    /// name, description, load state, active state, sub state, followed unit, path,
    /// job id, job type, job path
    type Unit = (
        String,
        String,
        String,
        String,
        String,
        String,
        zbus::OwnedObjectPath,
        u32,
        String,
        zbus::OwnedObjectPath,
    );

    let connection = zbus::connection::Builder::system()
        .method_timeout(Duration::from_secs(5))
        .build()
        .await?;
    let reply = connection
        .call_method(
            Some("org.freedesktop.systemd1"),
            "/org/freedesktop/systemd1",
            Some("org.freedesktop.systemd1.Manager"),
            "ListUnitsByNames",
            &vec![unit],
        )
        .await?;
    let units: Vec<Unit> = reply.body().deserialize()?;
    Ok(units
        .into_iter()
        .next()
        .map(|unit| unit.3)
        .unwrap_or_default())
}
