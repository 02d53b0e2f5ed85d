//! Telling what happens: state files, journal, `systemctl status`.

pub mod record;
