//! Names of the units that the NixOS module generates for each instance.

/// What every unit of ours begins with.
pub const PREFIX: &str = "backupservice-";

/// Parts of an instance that have a service or a timer of their own, as they stand in
/// unit names. The backup itself has none.
pub const MAINTAIN: &str = "-maintain";

/// The unit of an instance: of its backup, or of the part that `suffix` names
/// ([`MAINTAIN`]). `kind` is `service` or `timer`.
#[must_use]
pub fn unit(instance: &str, suffix: &str, kind: &str) -> String {
    format!("{PREFIX}{instance}{suffix}.{kind}")
}

/// The service of an instance; see [`unit`].
#[must_use]
pub fn service(instance: &str, suffix: &str) -> String {
    unit(instance, suffix, "service")
}

/// The timer of an instance; see [`unit`].
#[must_use]
pub fn timer(instance: &str, suffix: &str) -> String {
    unit(instance, suffix, "timer")
}

/// What the units of an instance begin with, but for those of its backup.
#[must_use]
pub fn prefix(instance: &str) -> String {
    format!("{PREFIX}{instance}-")
}
