//! Calls to systemd's D-Bus interface.

use zbus::Connection;
use zbus::wire::{DynamicDeserialize, DynamicType, OwnedObjectPath, OwnedVariant};

pub(crate) const SERVICE: &str = "org.freedesktop.systemd1";
pub(crate) const PATH: &str = "/org/freedesktop/systemd1";
pub(crate) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
pub(crate) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(crate) const UNIT_SERVICE: &str = "org.freedesktop.systemd1.Service";
pub(crate) const TIMER: &str = "org.freedesktop.systemd1.Timer";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A unit in systemd's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedUnit {
    /// Full name.
    pub name: String,
    /// `loaded`, `masked`, `not-found`, `bad-setting`, …
    pub load: String,
    /// `active`, `activating`, `inactive`, `failed`, …
    pub active: String,
    /// Depends on the kind of unit: `waiting`, `elapsed`, …
    pub sub: String,
    /// Object path, for its properties.
    pub path: OwnedObjectPath,
}

/// Calls a method of systemd.
///
/// # Errors
/// systemd cannot be reached, or refuses.
pub(crate) async fn call<B, R>(
    connection: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> zbus::Result<R>
where
    B: serde::Serialize + DynamicType,
    R: for<'d> DynamicDeserialize<'d>,
{
    let reply = connection.call_method(Some(SERVICE), path, Some(interface), method, body);
    reply.await?.body().deserialize()
}

/// Reads a property of a systemd object.
///
/// # Errors
/// systemd cannot be reached, or has no such property of this type.
pub(crate) async fn property<T>(
    connection: &Connection,
    path: &str,
    interface: &str,
    name: &str,
) -> zbus::Result<T>
where
    T: TryFrom<OwnedVariant>,
    T::Error: Into<zbus::Error>,
{
    let value: OwnedVariant = call(connection, path, PROPERTIES, "Get", &(interface, name)).await?;
    T::try_from(value).map_err(Into::into)
}

/// name, description, load state, active state, sub state, followed unit, path, job id, job
/// type, job path
type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

fn listed((name, _, load, active, sub, _, path, ..): Row) -> ListedUnit {
    ListedUnit {
        name,
        load,
        active,
        sub,
        path,
    }
}

/// Lists units in one call. systemd answers even about units that it has not loaded.
///
/// # Errors
/// systemd cannot be reached.
pub(crate) async fn list_units(
    connection: &Connection,
    names: &[String],
) -> zbus::Result<Vec<ListedUnit>> {
    let rows: Vec<Row> = call(connection, PATH, MANAGER, "ListUnitsByNames", &(names,)).await?;
    Ok(rows.into_iter().map(listed).collect())
}

/// Lists the loaded units whose names match `pattern`, with `*` for anything.
///
/// # Errors
/// systemd cannot be reached.
pub(crate) async fn list_matching(
    connection: &Connection,
    pattern: &str,
) -> zbus::Result<Vec<ListedUnit>> {
    let any_state: [&str; 0] = [];
    let body = (&any_state[..], &[pattern][..]);
    let rows: Vec<Row> = call(connection, PATH, MANAGER, "ListUnitsByPatterns", &body).await?;
    Ok(rows.into_iter().map(listed).collect())
}

/// Object path of a unit, which systemd loads if it has not yet.
///
/// # Errors
/// systemd cannot be reached, or `unit` is no name of a unit.
pub(crate) async fn load_unit(
    connection: &Connection,
    unit: &str,
) -> zbus::Result<OwnedObjectPath> {
    call(connection, PATH, MANAGER, "LoadUnit", &(unit,)).await
}

/// An invocation id in the journal's form; empty if there is none.
pub(crate) fn invocation_id(bytes: Vec<u8>) -> String {
    <[u8; 16]>::try_from(bytes)
        .map(|id| format!("{:032x}", u128::from_be_bytes(id)))
        .unwrap_or_default()
}
