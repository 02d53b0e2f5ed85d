//! Interface of the monitor to the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::civil::DateTime;
use zbus::wire::OwnedVariant;
use zbus::{Connection, connection};

use super::deadline::NextElapse;
use super::uptime::Uptime;

use crate::base::cancel::Cancel;
use crate::base::process::{self, Command, Line};
use crate::systemd::client::{self, ListedUnit};
use crate::systemd::crash::{self, Crash};
use crate::systemd::timers::RunActivity;

/// Start of the error of `systemd-analyze` for a calendar event that it cannot read.
const REJECTED: &str = "Failed to parse calendar specification";

/// State of a unit, as reported by systemd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `masked`, `not-found`, `bad-setting`, …
    pub load: String,
    /// `active`, `activating`, `inactive`, `failed`, …
    pub active: String,
    /// `waiting`, `elapsed`, …
    pub sub: String,
    /// Not started at boot.
    pub disabled: bool,
}

impl UnitState {
    /// Whether it is running, or waits for an automatic restart.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.activity() != RunActivity::Idle
    }

    /// Activity of a service.
    #[must_use]
    pub fn activity(&self) -> RunActivity {
        RunActivity::of(&self.active, &self.sub)
    }
}

/// Clock and service manager of a machine.
pub trait System {
    /// Current time.
    fn now(&self) -> Timestamp;

    /// Time since boot.
    fn uptime(&self) -> Uptime;

    /// Directory with the secrets that systemd passes to this unit.
    fn credentials(&self) -> PathBuf;

    /// States of units, by name.
    ///
    /// # Errors
    /// systemd cannot be reached.
    fn units(&self, names: &[String]) -> anyhow::Result<BTreeMap<String, UnitState>>;

    /// Cause of the failure of a unit.
    ///
    /// # Errors
    /// systemd cannot be reached.
    fn crash(&self, unit: &str) -> anyhow::Result<Crash>;

    /// First elapse of a calendar event after a time.
    ///
    /// # Errors
    /// `systemd-analyze` cannot be run, or its output is not understood.
    fn next(&self, calendar: &str, after: Timestamp) -> anyhow::Result<NextElapse>;
}

/// The machine on which this program runs.
#[derive(Debug)]
pub struct LiveSystem {
    analyze: PathBuf,
    connection: Connection,
}

impl LiveSystem {
    /// Connects to the system bus. `analyze` is the path of `systemd-analyze`.
    ///
    /// # Errors
    /// The system bus cannot be reached.
    pub fn new(analyze: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let builder = connection::Builder::system().method_timeout(Duration::from_secs(30));
        Ok(Self {
            analyze: analyze.into(),
            connection: zbus::block_on(builder.build()).context("cannot reach the system bus")?,
        })
    }

    fn property<T>(&self, path: &str, interface: &str, name: &str) -> zbus::Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        zbus::block_on(client::property(&self.connection, path, interface, name))
    }

    fn list(&self, names: &[String]) -> zbus::Result<BTreeMap<String, UnitState>> {
        let listed = zbus::block_on(client::list_units(&self.connection, names))?;
        let state = |unit: ListedUnit| {
            let is_timer = unit
                .name
                .rsplit_once('.')
                .is_some_and(|(_, kind)| kind == "timer");
            let disabled = is_timer && unit.active == "inactive" && {
                let unit_file: zbus::Result<String> =
                    self.property(&unit.path, client::UNIT, "UnitFileState");
                unit_file.is_ok_and(|state| state == "disabled")
            };
            let state = UnitState {
                load: unit.load,
                active: unit.active,
                sub: unit.sub,
                disabled,
            };
            (unit.name, state)
        };
        Ok(listed.into_iter().map(state).collect())
    }
}

impl System for LiveSystem {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Uptime {
        Uptime::now()
    }

    fn credentials(&self) -> PathBuf {
        PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY").unwrap_or_default())
    }

    fn units(&self, names: &[String]) -> anyhow::Result<BTreeMap<String, UnitState>> {
        self.list(names)
            .context("cannot get the state of units from systemd")
    }

    fn crash(&self, unit: &str) -> anyhow::Result<Crash> {
        let ask = || -> zbus::Result<Crash> {
            zbus::block_on(async {
                let path = client::load_unit(&self.connection, unit).await?;
                crash::read(&self.connection, &path).await
            })
        };
        ask().with_context(|| format!("cannot get the state of {unit} from systemd"))
    }

    fn next(&self, calendar: &str, after: Timestamp) -> anyhow::Result<NextElapse> {
        ask_next(&self.analyze, calendar, after)
    }
}

/// Asks `systemd-analyze` for the first elapse of a calendar event after a time.
fn ask_next(analyze: &Path, calendar: &str, after: Timestamp) -> anyhow::Result<NextElapse> {
    let base = format!("--base-time=@{}", after.as_second());
    let arguments = ["calendar", "--iterations=1", &base, "--", calendar];
    let command = Command {
        program: analyze.to_owned(),
        arguments: arguments.map(Into::into).into(),
        environment: vec![("LANG".to_owned(), "C.UTF-8".into())],
        ..Command::default()
    };
    let (mut text, mut errors) = (String::new(), String::new());
    let exit = process::run(&command, &Cancel::never(), &mut |line| {
        let (stream, line) = match line {
            Line::Out(line) => (&mut text, line),
            Line::Err(line) => (&mut errors, line),
        };
        *stream += &String::from_utf8_lossy(&line);
        stream.push('\n');
    })?;
    match exit.code {
        Some(0) => read_next(&text),
        // Only its own word counts: it may also have been killed, or out of memory.
        Some(_) if errors.contains(REJECTED) => Ok(NextElapse::Invalid),
        _ => bail!("systemd-analyze failed ({exit:?}): {errors}"),
    }
}

/// Parses the output of `systemd-analyze calendar`.
fn read_next(text: &str) -> anyhow::Result<NextElapse> {
    let value = |label: &str| {
        let find = |line: &str| Some(line.trim().strip_prefix(label)?.trim().to_owned());
        text.lines().find_map(find)
    };
    // The UTC line is missing where local time is UTC.
    let Some(next) = value("(in UTC):").or_else(|| value("Next elapse:")) else {
        bail!("no next elapse in the output of systemd-analyze: {text}");
    };
    if next == "never" {
        return Ok(NextElapse::Never);
    }
    let utc = next.strip_suffix(" UTC");
    let time = utc.and_then(|time| DateTime::strptime("%a %Y-%m-%d %H:%M:%S", time).ok());
    let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match time {
        Some(time) => Ok(NextElapse::At(time.timestamp())),
        None => bail!("unknown time in the output of systemd-analyze: {next}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_schedule_that_systemd_rejects_is_invalid() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("systemd-analyze");
        let ask = |script: &str| {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            ask_next(&program, "daily", Timestamp::UNIX_EPOCH)
        };
        let rejected = "echo \"Failed to parse calendar specification 'x': Invalid argument\" >&2";
        assert_eq!(
            ask(&format!("{rejected}; exit 1")).unwrap(),
            NextElapse::Invalid
        );
        for passing in ["kill -KILL $$", "echo Cannot allocate memory >&2; exit 1"] {
            let error = ask(passing).unwrap_err().to_string();
            assert!(error.starts_with("systemd-analyze failed"), "{error}");
        }
    }

    #[test]
    fn the_next_time_is_read_in_any_zone() {
        let at = |time: &str| NextElapse::At(time.parse().unwrap());
        let utc = "  Original form: daily\nNormalized form: *-*-* 00:00:00\n    \
                   Next elapse: Wed 2023-11-15 00:00:00 UTC\n       From now: 3 years ago\n";
        assert_eq!(read_next(utc).unwrap(), at("2023-11-15T00:00:00Z"));
        let berlin = "    Next elapse: Mon 2026-03-02 00:00:00 CET\n       \
                      (in UTC): Sun 2026-03-01 23:00:00 UTC\n";
        assert_eq!(read_next(berlin).unwrap(), at("2026-03-01T23:00:00Z"));
        assert_eq!(
            read_next("    Next elapse: never\n").unwrap(),
            NextElapse::Never
        );
        assert!(read_next("").is_err());
        assert!(read_next("    Next elapse: Mon 2026-03-02 00:00:00 CET\n").is_err());
    }
}
