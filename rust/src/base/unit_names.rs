//! Names of the units that the NixOS module generates for each instance.

use std::path::Path;

/// Prefix of all units of backupservice.
pub const PREFIX: &str = "backupservice-";

/// Suffix of the maintenance units. The units of the backup itself have no suffix.
pub const MAINTAIN: &str = "-maintain";

/// Cleans up after interrupted runs of all instances.
pub const RECOVER: &str = "backupservice-recover.service";

/// Name of a unit of an instance: of its backup if `suffix` is empty, otherwise of the named
/// part ([`MAINTAIN`]). `kind` is `service` or `timer`.
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

/// The service of one restore of an instance, by the id of its request.
#[must_use]
pub fn restore(instance: &str, request: &str) -> String {
    service(instance, &format!("-restore@{request}"))
}

/// Pattern of the services of all restores of an instance, or of all instances if that is `*`.
#[must_use]
pub fn restores(instance: &str) -> String {
    restore(instance, "*")
}

/// The service that generates the password in `file`, for one repository.
#[must_use]
pub fn secrets(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{PREFIX}secrets@{name}.service")
}

/// Prefix of all units of an instance except those of its backup.
#[must_use]
pub fn prefix(instance: &str) -> String {
    format!("{PREFIX}{instance}-")
}
