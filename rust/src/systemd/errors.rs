//! Errors of systemd, with remedies.

use crate::base::problem::Problem;
use crate::systemd::units::{Reason, UnitError};

/// The error of a call that concerned `unit`.
pub fn of_unit(unit: &str, error: &zbus::Error) -> UnitError {
    match name(error).as_str() {
        "org.freedesktop.systemd1.NoSuchUnit" => not_found(unit),
        "org.freedesktop.DBus.Error.AccessDenied"
        | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => UnitError {
            reason: Reason::Refused,
            problem: Problem::new(
                format!("polkit does not allow starting or stopping {unit}: {error}"),
                "run as root, or check that security.polkit.enable is set and that the plan lists \
                 the unit",
            ),
        },
        "org.freedesktop.DBus.Error.ServiceUnknown"
        | "org.freedesktop.DBus.Error.NameHasNoOwner"
        | "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Disconnected" => unreachable(error),
        _ if matches!(
            error,
            zbus::Error::InputOutput(_) | zbus::Error::Connection(..)
        ) =>
        {
            unreachable(error)
        }
        _ => UnitError {
            reason: Reason::Other,
            problem: Problem::new(
                format!("systemd reports an error for {unit}: {error}"),
                format!("see `systemctl status {unit}`"),
            ),
        },
    }
}

pub fn not_found(unit: &str) -> UnitError {
    UnitError {
        reason: Reason::NotFound,
        problem: Problem::new(
            format!("unit {unit} does not exist"),
            "check the unit names in quiesce.units and restore.units, and activate the \
             configuration",
        ),
    }
}

pub fn not_stopped(unit: &str, result: &str) -> UnitError {
    UnitError {
        reason: Reason::Other,
        problem: Problem::new(
            format!("{unit} could not be stopped (job result {result:?})"),
            format!("see `systemctl status {unit}`"),
        ),
    }
}

pub fn lost(unit: &str) -> UnitError {
    UnitError {
        reason: Reason::Unreachable,
        problem: Problem::new(
            format!("the connection to systemd was lost while waiting for {unit}"),
            "check that the D-Bus daemon is running",
        ),
    }
}

pub fn unreachable(error: &zbus::Error) -> UnitError {
    UnitError {
        reason: Reason::Unreachable,
        problem: Problem::new(
            format!("cannot reach systemd over D-Bus: {error}"),
            "check that the D-Bus daemon is running, and that the unit has access to \
             /run/dbus/system_bus_socket",
        ),
    }
}

fn name(error: &zbus::Error) -> String {
    use zbus::DBusError;

    match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => error.name().to_string(),
        _ => String::new(),
    }
}
