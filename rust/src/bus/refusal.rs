//! What a method answers when it does not do what it was asked.

/// An error with a name that programs can rely on. `AccessDenied` is not among them:
/// busctl would not show its message.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org")]
pub(super) enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    /// polkit does not grant it.
    #[zbus(name = "backupservice1.Error.NotAuthorized")]
    NotAuthorized(String),
    /// polkit might grant it to a caller who says that somebody can type a password.
    #[zbus(name = "freedesktop.DBus.Error.InteractiveAuthorizationRequired")]
    Interactive(String),
    /// There is nothing to cancel.
    #[zbus(name = "backupservice1.Error.NotRunning")]
    NotRunning(String),
    /// It was tried, and failed.
    #[zbus(name = "backupservice1.Error.Failed")]
    Failed(String),
}
