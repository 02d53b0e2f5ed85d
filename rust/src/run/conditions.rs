//! Conditions of a scheduled backup: mains power, an unmetered network. A run started by
//! hand does not wait for them.

use std::time::{Duration, Instant};

use zbus::Connection;
use zbus::wire::OwnedVariant;

use crate::base::outcome::Failure;
use crate::base::untrusted;
use crate::plan::{Conditions, Plan};
use crate::report::Report;
use crate::run::invocation::Invocation;
use crate::run::locks;

/// Interval at which unmet conditions are checked again.
const EVERY: Duration = Duration::from_secs(5);

/// More than a run id has, in bytes.
const LONGEST_ID: u64 = 64;

/// Waits in phase `waiting` until the plan's conditions hold, or `run --now` asks for the
/// backup.
///
/// # Errors
/// The unit is to stop.
pub fn wait(plan: &Plan, invocation: &Invocation<'_>, report: &mut Report) -> Result<(), Failure> {
    // systemd tells it to what a timer has started.
    if std::env::var_os("TRIGGER_UNIT").is_none() {
        return Ok(());
    }
    let Some(what) = unmet(plan.conditions) else {
        return Ok(());
    };
    let demand = invocation.directories.demand();
    let mut looked = Instant::now();
    locks::wait(&what, invocation, report, || {
        if untrusted::read(&demand, LONGEST_ID).is_ok_and(|id| id == invocation.id.as_bytes()) {
            return Ok(Some(()));
        }
        if looked.elapsed() < EVERY {
            return Ok(None);
        }
        looked = Instant::now();
        Ok(unmet(plan.conditions).is_none().then_some(()))
    })
}

/// The unmet conditions, for people. What cannot be determined counts as met, as with
/// systemd's `ConditionACPower=`.
fn unmet(wanted: Conditions) -> Option<String> {
    if wanted == Conditions::default() {
        return None;
    }
    let holds = zbus::block_on(async {
        let connection = zbus::connection::Builder::system()
            .method_timeout(Duration::from_secs(5))
            .build()
            .await?;
        Ok::<_, zbus::Error>((
            !wanted.ac_power || on_mains(&connection).await,
            !wanted.unmetered_network || !is_metered(&connection).await,
        ))
    });
    let (power, network) = holds.unwrap_or_else(|error| {
        log::warn!("cannot ask about power and network: {error}");
        (true, true)
    });
    let missing: Vec<&str> = [
        (!power).then_some("mains power (conditions.acPower)"),
        (!network).then_some("a network that is not metered (conditions.unmeteredNetwork)"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!missing.is_empty()).then(|| missing.join(" and "))
}

/// As logind knows it.
async fn on_mains(connection: &Connection) -> bool {
    let value = property(
        connection,
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "OnExternalPower",
    );
    match value.await.and_then(bool::try_from) {
        Ok(external) => external,
        Err(error) => {
            log::debug!("cannot ask logind about the power: {error}");
            true
        }
    }
}

/// As `NetworkManager` knows or guesses it; nobody else does.
async fn is_metered(connection: &Connection) -> bool {
    const YES: u32 = 1;
    const GUESSED_YES: u32 = 3;
    let value = property(
        connection,
        "org.freedesktop.NetworkManager",
        "/org/freedesktop/NetworkManager",
        "org.freedesktop.NetworkManager",
        "Metered",
    );
    match value.await.and_then(u32::try_from) {
        Ok(metered) => [YES, GUESSED_YES].contains(&metered),
        Err(error) => {
            log::debug!("cannot ask NetworkManager about the network: {error}");
            false
        }
    }
}

async fn property(
    connection: &Connection,
    service: &str,
    path: &str,
    interface: &str,
    name: &str,
) -> zbus::Result<OwnedVariant> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply = connection
        .call_method(Some(service), path, properties, "Get", &(interface, name))
        .await?;
    reply.body().deserialize()
}
