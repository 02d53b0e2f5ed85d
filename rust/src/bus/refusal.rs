//! Errors of the methods.

/// D-Bus error with a stable name. Not `AccessDenied`, whose message busctl does not show.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org")]
pub(super) enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    /// polkit denies the action.
    #[zbus(name = "backupservice1.Error.NotAuthorized")]
    NotAuthorized(String),
    /// polkit would authorize the action after interactive authentication.
    #[zbus(name = "freedesktop.DBus.Error.InteractiveAuthorizationRequired")]
    Interactive(String),
    /// Nothing is running that could be cancelled.
    #[zbus(name = "backupservice1.Error.NotRunning")]
    NotRunning(String),
    /// The action failed.
    #[zbus(name = "backupservice1.Error.Failed")]
    Failed(String),
}
