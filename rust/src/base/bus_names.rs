//! Names on D-Bus.

use std::fmt::Write;

/// Bus name.
pub const NAME: &str = "org.backupservice1";
/// Path of the object manager.
pub const PATH: &str = "/org/backupservice1";
/// Interface of an instance.
pub const INSTANCE: &str = "org.backupservice1.Instance";

/// Path of an instance's object. Escaped like systemd's: everything but letters and digits, and
/// a leading digit, becomes `_` and two hexadecimal digits.
#[must_use]
pub fn of_instance(name: &str) -> String {
    let mut path = format!("{PATH}/instance/");
    for (i, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (i > 0 && byte.is_ascii_digit()) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "_{byte:02x}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_systemd_does_it() {
        for (name, expected) in [
            ("nextcloud", "nextcloud"),
            ("home-assistant", "home_2dassistant"),
            ("app_2", "app_5f2"),
            ("2app", "_32app"),
        ] {
            assert_eq!(
                of_instance(name),
                format!("/org/backupservice1/instance/{expected}")
            );
        }
    }
}
