//! Client of the units: starts them for `run`, `restore`, `maintain` and `snapshots`, waits and
//! shows their results. The work itself is done by the units, with their rights.

pub mod browse;
pub mod confirm;
pub mod logs;
mod notify_test;
pub mod progress;
mod retry;
pub mod status;
mod table;
pub mod terminal;

use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::base::cancel::Cancel;
use crate::base::outcome::{Failure, FailureKind, exit_status};
use crate::base::paths::{Host, InstancePaths, Readers, remove_if_there, write_for};
use crate::base::printable::printable_lines;
use crate::base::problem::Problem;
use crate::base::process::TICK;
use crate::base::unit_names::{self, RECOVER};
use crate::plan::check_instance_name;
use crate::provider::Snapshot;
use crate::report;
use crate::report::record::Record;
use crate::run::maintain::CheckRequest;
use crate::run::restore::request::{Request, Restored};
use crate::run::snapshots::Listing;
use crate::systemd::units::{Activity, UnitError, UnitResult, Units};

use retry::Retry;

/// Reader of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person: text, and progress while waiting.
    Person,
    /// A program: JSON.
    Program,
}

impl Reader {
    /// A program if it asks for JSON.
    #[must_use]
    pub fn of(json: bool) -> Self {
        if json { Self::Program } else { Self::Person }
    }
}

/// Changes that one backup accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepted {
    /// Data that shrank.
    pub shrink: bool,
    /// A repository that does not hold the last snapshot, or none.
    pub new_repository: bool,
}

/// Client of the units of a machine.
pub struct Client<'a> {
    /// Directories of the machine.
    pub host: &'a Host,
    /// systemd.
    pub units: &'a dyn Units,
    /// Cancel request (Ctrl-C), which stops the started unit.
    pub cancel: &'a Cancel,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Reader of the output.
    pub reader: Reader,
}

impl Client<'_> {
    /// Starts a backup and waits for its end. Returns the exit status.
    ///
    /// # Errors
    /// There is no such instance, or systemd did not start it.
    pub fn run(&mut self, name: &str, accepted: Accepted) -> Result<u8, Failure> {
        let directories = self.instance(name)?;
        let unit = unit_names::service(name, "");
        let before = report::last_run(&directories)?.map(|record| record.run_id);
        let requests = [
            (accepted.shrink, directories.accept_shrink()),
            (accepted.new_repository, directories.new_repository()),
        ];
        let requests = requests.into_iter().filter(|(wanted, _)| *wanted);
        let requests: Vec<_> = requests.map(|(_, file)| file).collect();
        for request in &requests {
            leave(Readers::All, request, b"")?;
        }
        if let Some(waiting) = report::waiting(&directories)? {
            leave(Readers::All, &directories.demand(), waiting.as_bytes())?;
        }
        let retry = Retry::of(name, &directories, before.clone());
        let started = self.start(&unit, &directories.run_state(), &|| retry.text());
        // They are meant for this run, not for a later one.
        for request in &requests {
            remove_if_there(request).map_err(anyhow::Error::from)?;
        }
        let result = started?;
        if result.cancelled {
            self.cancel_retries(&directories)?;
        }
        let record = report::last_run(&directories)?;
        let Some(record) = record.filter(|record| is_of(&record.run_id, before, &result)) else {
            result.check("the backup", &unit)?;
            return Ok(0);
        };
        self.answer(&record)?;
        let status = exit_status(record.outcome, false);
        Ok(if record.cleanup_failed {
            status.max(1)
        } else {
            status
        })
    }

    /// Starts a maintenance, or only the check that is asked for, and waits for its result.
    /// Returns the exit status.
    ///
    /// # Errors
    /// There is no such instance, or systemd did not start it.
    pub fn maintain(&mut self, name: &str, check: Option<&CheckRequest>) -> Result<u8, Failure> {
        let directories = self.instance(name)?;
        let unit = unit_names::service(name, unit_names::MAINTAIN);
        let before = report::last_maintenance(&directories)?.map(|record| record.run_id);
        let only = directories.check_only();
        if let Some(check) = check {
            leave(
                Readers::All,
                &only,
                &serde_json::to_vec(check).map_err(anyhow::Error::from)?,
            )?;
        }
        let started = self.start(&unit, &directories.maintenance_state(), &|| None);
        // Valid for this maintenance only.
        if check.is_some() {
            remove_if_there(&only).map_err(anyhow::Error::from)?;
        }
        let result = started?;
        let record = report::last_maintenance(&directories)?;
        let Some(record) = record.filter(|record| is_of(&record.run_id, before, &result)) else {
            result.check("the maintenance", &unit)?;
            return Ok(0);
        };
        self.answer(&record)?;
        Ok(exit_status(record.outcome, false))
    }

    /// Starts a restore and waits for its result. Returns the exit status.
    ///
    /// # Errors
    /// There is no such instance, or systemd did not start the restore.
    pub fn restore(&mut self, name: &str, request: &Request) -> Result<u8, Failure> {
        let directories = self.instance(name)?;
        let id = request_id(name, &request.snapshot)?;
        let unit = unit_names::restore(name, &id);
        let file = directories.restore_request(&id);
        let before: Option<Restored> = read(&directories.restore_result())?;
        let before = before.map(|restored| restored.run_id);
        let json = serde_json::to_vec(request).map_err(anyhow::Error::from)?;
        leave(Readers::Owner, &file, &json)?;
        let started = self.start(&unit, &directories.restore_state(), &|| None);
        // A request that was not taken must not be carried out later.
        remove_if_there(&file).map_err(anyhow::Error::from)?;
        let result = started?;
        let restored: Option<Restored> = read(&directories.restore_result())?;
        let Some(restored) = restored.filter(|restored| is_of(&restored.run_id, before, &result))
        else {
            result.check("the restore", &unit)?;
            return Ok(0);
        };
        self.answer(&restored)?;
        Ok(restored.exit_status())
    }

    /// Prints the snapshots of an instance as a table or JSON. Returns the exit status.
    ///
    /// # Errors
    /// There is no such instance, or its repository cannot be read.
    pub fn snapshots(&mut self, name: &str) -> Result<u8, Failure> {
        let snapshots = self.listing(name)?;
        let text = if self.reader == Reader::Program {
            serde_json::to_string_pretty(&snapshots).map_err(anyhow::Error::from)?
        } else {
            table::table(&snapshots, &TimeZone::system())
        };
        self.print(&text)?;
        Ok(0)
    }

    /// Lists the snapshots of an instance with its unit, oldest first.
    ///
    /// # Errors
    /// There is no such instance, or its repository cannot be read.
    pub fn listing(&self, name: &str) -> Result<Vec<Snapshot>, Failure> {
        let directories = self.instance(name)?;
        let unit = unit_names::service(name, "-snapshots");
        let before: Option<Listing> = read(&directories.snapshots())?;
        let before = before.map(|listing| listing.run_id);
        let result = self.units.start_and_wait(&unit, self.cancel)?;
        let listing: Option<Listing> = read(&directories.snapshots())?;
        let Some(listing) = listing.filter(|listing| is_of(&listing.run_id, before, &result))
        else {
            result.check("the listing", &unit)?;
            return Err(Failure::new(
                format!("{unit} did not write a list of snapshots"),
                format!("see `systemctl status {unit}`"),
            ));
        };
        match listing.error {
            Some(problem) => Err(Failure::from(anyhow::Error::from(problem))),
            None => Ok(listing.snapshots),
        }
    }

    /// Stops the running backup, maintenance or restore, and waits until it has cleaned up. A
    /// backup that waits for its next attempt is recorded as cancelled. Returns the exit status.
    ///
    /// # Errors
    /// Nothing is running, or systemd does not stop it.
    pub fn cancel(&mut self, name: &str) -> Result<u8, Failure> {
        let directories = self.instance(name)?;
        let mut cancelled = false;
        for suffix in ["", "-maintain"] {
            let unit = unit_names::service(name, suffix);
            if self.units.activity(&unit)? == Activity::Inactive {
                continue;
            }
            self.units.stop_and_wait(&unit)?;
            cancelled = true;
            if suffix.is_empty() {
                self.cancel_retries(&directories)?;
                if let Some(record) = report::last_run(&directories)? {
                    self.answer(&record)?;
                }
            } else if let Some(record) = report::last_maintenance(&directories)? {
                self.answer(&record)?;
            }
        }
        for unit in self.units.active(&unit_names::restores(name))? {
            self.units.stop_and_wait(&unit)?;
            cancelled = true;
            let restored: Option<Restored> = read(&directories.restore_result())?;
            if let Some(restored) = restored {
                self.answer(&restored)?;
            }
        }
        if cancelled {
            return Ok(0);
        }
        Err(Failure::new(
            format!("no backup, maintenance or restore of {name} is running"),
            format!("see the last run with `backupservice status {name}`"),
        ))
    }

    /// Starts a unit and waits until it has finished, showing its progress to a person. A
    /// cancel request stops the unit, unless it was running before.
    fn start(
        &self,
        unit: &str,
        state: &Path,
        between: &(dyn Fn() -> Option<String> + Sync),
    ) -> Result<UnitResult, Failure> {
        // One that waits for its next attempt has no state, and is started at once.
        let joined = state.exists() && self.units.activity(unit)? == Activity::Active;
        let work = || {
            if joined {
                return self.join(unit);
            }
            let result = self.units.start_and_wait(unit, self.cancel)?;
            if result.job == "canceled" && !result.cancelled {
                // Stopped by somebody else: the job ends before the unit does.
                self.units.stop_and_wait(unit)?;
            }
            Ok(result)
        };
        let result = match self.reader {
            Reader::Person if joined => progress::show_while(state, None, between, work),
            Reader::Person => progress::show_while(state, Some(Timestamp::now()), between, work),
            Reader::Program => work(),
        }?;
        if joined && result.cancelled {
            let problem = Problem::new(
                format!("{unit} was running before this command, and goes on"),
                "stop it with `backupservice cancel`, or follow it with `backupservice logs --follow`",
            );
            return Err(Failure::of(FailureKind::Cancelled, problem));
        }
        Ok(result)
    }

    /// Waits for the end of a unit, or for a cancel request.
    fn join(&self, unit: &str) -> Result<UnitResult, UnitError> {
        let mut result = UnitResult {
            job: "done".to_owned(),
            result: "success".to_owned(),
            ..UnitResult::default()
        };
        while self.units.activity(unit)? != Activity::Inactive {
            if self.cancel.requested() {
                result.cancelled = true;
                break;
            }
            thread::sleep(TICK);
        }
        Ok(result)
    }

    /// After a backup was stopped: if it was waiting for its next attempt, has that recorded.
    fn cancel_retries(&self, directories: &InstancePaths) -> Result<(), Failure> {
        let last = report::last_run(directories)?;
        let Some(last) = last.filter(Record::may_be_retried) else {
            return Ok(());
        };
        let request = directories.cancelled_retries();
        leave(Readers::All, &request, last.run_id.as_bytes())?;
        let recovered = self.units.start_and_wait(RECOVER, &Cancel::never());
        remove_if_there(&request).map_err(anyhow::Error::from)?;
        recovered?.check("the cleanup", RECOVER)
    }

    fn answer<T: Display + Serialize>(&mut self, record: &T) -> Result<(), Failure> {
        let text = match self.reader {
            Reader::Person => record.to_string(),
            Reader::Program => serde_json::to_string_pretty(record).map_err(anyhow::Error::from)?,
        };
        self.print(&text)
    }

    fn instance(&self, name: &str) -> Result<InstancePaths, Failure> {
        instance(self.host, name)
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{}", printable_lines(text.trim_end())).map_err(anyhow::Error::from)?;
        Ok(())
    }
}

fn instance(host: &Host, name: &str) -> Result<InstancePaths, Failure> {
    let plans = host.plans();
    // Check the name before it becomes part of a path.
    if check_instance_name(name).is_ok() && plans.join(format!("{name}.json")).exists() {
        return Ok(host.instance(name));
    }
    let mut known: Vec<String> = fs::read_dir(&plans)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".json")?.to_owned()))
        .collect();
    known.sort();
    Err(Failure::new(
        format!("there is no instance {name:?} on this machine"),
        format!("choose one of: {}", known.join(", ")),
    ))
}

/// Whether a record was written by the started unit. systemd may unload a unit that has
/// succeeded, and with it the invocation id: then any new record is the one.
fn is_of(run_id: &str, before: Option<String>, result: &UnitResult) -> bool {
    if result.invocation_id.is_empty() {
        before.is_none_or(|before| before != run_id)
    } else {
        result.invocation_id == run_id
    }
}

/// Names a request: the snapshot, for people who look at units, and a random number.
fn request_id(name: &str, snapshot: &str) -> Result<String, Failure> {
    // Other characters would have to be escaped in a unit name, and occur in no id.
    if snapshot.is_empty() || !snapshot.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Failure::new(
            format!("--snapshot {snapshot:?} is not a snapshot id"),
            format!(
                "give an id, its beginning, or latest; list the ids with \
                 `backupservice snapshots {name}`"
            ),
        ));
    }
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .context("cannot read /proc/sys/kernel/random/uuid")?;
    let random: String = random.chars().take(8).collect();
    Ok(format!("{snapshot}-{random}"))
}

fn leave(readers: Readers, path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let leaving = || format!("cannot write {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(leaving)?;
    }
    write_for(readers, path, content).with_context(leaving)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Problem::new(
            format!("{} may only be read by root", path.display()),
            "run the command as root; the D-Bus method ListSnapshots asks polkit instead",
        )
        .into()),
        json => {
            let reading = || format!("cannot read {}", path.display());
            Ok(Some(
                serde_json::from_slice(&json.with_context(reading)?).with_context(reading)?,
            ))
        }
    }
}
