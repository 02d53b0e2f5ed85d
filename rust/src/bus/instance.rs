//! The interface `org.backupservice1.Instance`.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::message::Header;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::wire::{OwnedObjectPath, Variant};
use zbus::{Connection, OwnedFd, interface};

use super::blocking::unblock;
use super::polkit::{self, Request};
use super::refusal::Refusal;
use super::usage::Usage;
use super::view::{View, microseconds, text};
use crate::base::cancel::Cancel;
use crate::base::paths::{Host, write_atomically};
use crate::base::unit_names::{RECOVER, unit};
use crate::client::{Client, Reader};
use crate::provider::Snapshot;
use crate::report;
use crate::systemd::Systemd;
use crate::systemd::client as systemd;
use crate::systemd::timers::{RunActivity, UnitStates};

/// A snapshot in the answer of `ListSnapshots`.
type Entry = HashMap<&'static str, Variant<'static>>;

/// Object of an instance. Its properties are shared with the daemon, which updates them.
#[derive(Clone, Debug)]
pub(super) struct InstanceObject {
    pub(super) host: Host,
    pub(super) view: Arc<Mutex<View>>,
    pub(super) usage: Arc<Usage>,
}

impl InstanceObject {
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, View> {
        self.usage.touch();
        self.view()
    }

    fn name_of(&self) -> String {
        self.view().name.clone()
    }

    /// Asks for a record of a backup that no longer waits for its next attempt.
    fn cancel_retries(&self, instance: &str) -> Result<(), Refusal> {
        let directories = self.host.instance(instance);
        let asked = report::last_run(&directories).and_then(|last| match last {
            Some(last) => {
                let request = directories.cancelled_retries();
                Ok(write_atomically(&request, last.run_id.as_bytes())?)
            }
            None => Ok(()),
        });
        asked.map_err(|error| Refusal::Failed(text(format!("{error:#}"))))
    }

    /// Lets a run that waits for its conditions go on.
    fn hurry(&self, instance: &str) -> Result<(), Refusal> {
        let directories = self.host.instance(instance);
        let hurried = report::waiting(&directories).and_then(|waiting| match waiting {
            Some(id) => Ok(write_atomically(&directories.demand(), id.as_bytes())?),
            None => Ok(()),
        });
        hurried.map_err(|error| Refusal::Failed(text(format!("{error:#}"))))
    }
}

// The getters return the types of the bus.
#[allow(clippy::needless_pass_by_value)]
#[interface(name = "org.backupservice1.Instance")]
impl InstanceObject {
    /// Starts a backup and returns at once; the signal Finished reports its end. If one is
    /// waiting for mains power or an unmetered network, it waits no longer; if one is already
    /// running, nothing happens. polkit action: org.backupservice1.start.
    async fn start(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Refusal> {
        let _call = self.usage.begin();
        let instance = &self.name_of();
        let request = Request {
            action: "start",
            doing: "start the backup of",
            command: "run",
            instance,
        };
        polkit::check(connection, &header, &request).await?;
        self.hurry(instance)?;
        call_systemd(connection, "StartUnit", &unit(instance, "", "service")).await
    }

    /// Stops the running backup, maintenance or restore and returns at once, before its cleanup
    /// has finished. A backup that waits for its next attempt is recorded as cancelled. Fails with org.backupservice1.Error.NotRunning if there is none. polkit
    /// action: org.backupservice1.cancel.
    async fn cancel(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Refusal> {
        let _call = self.usage.begin();
        let instance = &self.name_of();
        let request = Request {
            action: "cancel",
            doing: "cancel the backup of",
            command: "cancel",
            instance,
        };
        polkit::check(connection, &header, &request).await?;
        let schedule = UnitStates::ask_on(connection, &[instance]).await?;
        let is_retrying = schedule.activity(instance, "") == RunActivity::Retrying;
        if is_retrying {
            self.cancel_retries(instance)?;
        }
        let mut cancelled = false;
        for suffix in ["", "-maintain"] {
            if schedule.activity(instance, suffix).is_busy() {
                call_systemd(connection, "StopUnit", &unit(instance, suffix, "service")).await?;
                cancelled = true;
            }
        }
        if let Some(restore) = schedule.restore(instance) {
            call_systemd(connection, "StopUnit", restore).await?;
            cancelled = true;
        }
        if is_retrying {
            // It is ordered before the backup, and so starts when that has stopped.
            call_systemd(connection, "StartUnit", RECOVER).await?;
        }
        if cancelled {
            Ok(())
        } else {
            Err(Refusal::NotRunning(format!(
                "no backup, maintenance or restore of {instance} is running"
            )))
        }
    }

    /// Lists the snapshots, oldest first, each with id (s), time (t, microseconds since 1970),
    /// complete (b) and, if known, files (t) and bytes (t). Opens the repository, which may
    /// take minutes: use a long timeout. polkit action: org.backupservice1.list-snapshots.
    async fn list_snapshots(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<Entry>, Refusal> {
        let _call = self.usage.begin();
        let instance = self.name_of();
        let request = Request {
            action: "list-snapshots",
            doing: "list the snapshots of",
            command: "snapshots",
            instance: &instance,
        };
        polkit::check(connection, &header, &request).await?;
        let host = self.host.clone();
        let snapshots = unblock(move || {
            let client = Client {
                host: &host,
                units: &Systemd::connect()?,
                cancel: &Cancel::never(),
                out: &mut io::sink(),
                reader: Reader::Program,
            };
            client.listing(&instance)
        })
        .await
        .map_err(|failure| Refusal::Failed(text(failure.to_string())))?;
        Ok(snapshots.into_iter().map(entry).collect())
    }

    /// Returns a connection to a unit that reads the snapshots for the caller, as
    /// `backupservice ls`, `find`, `dump` and `diff` do; its format is internal. What is read
    /// does not go over the bus. polkit action: org.backupservice1.browse.
    async fn browse(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedFd, Refusal> {
        let _call = self.usage.begin();
        let instance = &self.name_of();
        let request = Request {
            action: "browse",
            doing: "read the snapshots of",
            command: "ls",
            instance,
        };
        polkit::check(connection, &header, &request).await?;
        let socket = self.host.browse_socket(instance);
        let connection = unblock(move || UnixStream::connect(socket)).await;
        let connection = connection.map_err(|error| {
            Refusal::Failed(format!(
                "cannot reach the unit that reads snapshots: {error}"
            ))
        })?;
        Ok(std::os::fd::OwnedFd::from(connection).into())
    }

    /// Emitted at the end of each backup, with its run id, its outcome, and the id of its
    /// snapshot (empty if there is none). Every attempt counts as a run.
    #[zbus(signal)]
    pub(super) async fn finished(
        emitter: &SignalEmitter<'_>,
        run_id: &str,
        outcome: &str,
        snapshot: &str,
    ) -> zbus::Result<()>;

    /// Name of the instance, as in backupservice.instances.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> String {
        self.shown().name.clone()
    }

    /// Provider: restic or borg.
    #[zbus(property)]
    fn provider(&self) -> String {
        self.shown().provider.clone()
    }

    /// State: idle, running (a backup, a maintenance or a restore), retrying (failed, and will be started
    /// again by itself), or unknown (systemd cannot be reached).
    #[zbus(property)]
    fn state(&self) -> String {
        self.shown().state.to_owned()
    }

    /// Current phase while running, as in the journal field `BACKUP_PHASE`; otherwise empty.
    #[zbus(property)]
    fn phase(&self) -> String {
        self.shown().phase.clone()
    }

    /// Progress of the phase, from 0 to 1; 0 if unknown.
    #[zbus(property)]
    fn progress(&self) -> f64 {
        self.shown().progress
    }

    /// Whether nothing is wrong, as far as is known.
    #[zbus(property)]
    fn healthy(&self) -> bool {
        self.shown().healthy
    }

    /// What is wrong: failed, incomplete, cleanup-failed, overdue, damaged,
    /// maintenance-failed, maintenance-overdue, unreadable, unknown, clock-wrong, unmonitored.
    #[zbus(property)]
    fn problems(&self) -> Vec<String> {
        self.shown().problems.clone()
    }

    /// Whether no backup has succeeded in time; false if unknown, see Problems.
    #[zbus(property)]
    fn overdue(&self) -> bool {
        self.shown().overdue
    }

    /// Run id of the last finished run, as in the journal field `BACKUP_RUN_ID`.
    #[zbus(property)]
    fn last_run_id(&self) -> String {
        self.shown().last_run_id.clone()
    }

    /// Outcome of the last run that will not be retried: success, incomplete, skipped, failed
    /// (also without a record) or cancelled; empty before the first run.
    #[zbus(property)]
    fn last_outcome(&self) -> String {
        self.shown().last_outcome.to_owned()
    }

    /// Cause and remedy if the last run did not succeed; otherwise empty.
    #[zbus(property)]
    fn last_error(&self) -> String {
        self.shown().last_error.clone()
    }

    /// End of the last run, in microseconds since 1970; 0 before the first run.
    #[zbus(property)]
    fn last_finished(&self) -> u64 {
        self.shown().last_finished
    }

    /// Whether the cleanup after the last run failed: units may still be stopped.
    #[zbus(property)]
    fn last_cleanup_failed(&self) -> bool {
        self.shown().last_cleanup_failed
    }

    /// End of the last successful run, in microseconds since 1970; 0 if there is none.
    #[zbus(property)]
    fn last_success(&self) -> u64 {
        self.shown().last_success
    }

    /// Id of the last snapshot, complete or not; empty if there is none.
    #[zbus(property)]
    fn last_snapshot(&self) -> String {
        self.shown().last_snapshot.clone()
    }

    /// Bytes that the last snapshot added to the repository.
    #[zbus(property)]
    fn last_bytes_added(&self) -> u64 {
        self.shown().last_bytes_added
    }

    /// State of the timer: waiting, running (its service), elapsed (for the last time), dead,
    /// masked, missing, or unknown.
    #[zbus(property)]
    fn timer(&self) -> String {
        self.shown().timer.to_owned()
    }

    /// Next elapse of the timer, in microseconds since 1970; 0 unless it is waiting.
    #[zbus(property)]
    fn next_run(&self) -> u64 {
        self.shown().next_run
    }

    /// Outcome of the last maintenance; empty before the first.
    #[zbus(property)]
    fn last_maintenance(&self) -> String {
        self.shown().last_maintenance.to_owned()
    }

    /// Next elapse of the maintenance timer, in microseconds since 1970; 0 unless it is
    /// waiting.
    #[zbus(property)]
    fn next_maintenance(&self) -> u64 {
        self.shown().next_maintenance
    }
}

fn entry(snapshot: Snapshot) -> Entry {
    let mut entry: Entry = HashMap::from([
        ("id", text(snapshot.id).into()),
        ("time", microseconds(Some(snapshot.time)).into()),
        ("complete", snapshot.complete.into()),
    ]);
    if let Some(totals) = snapshot.totals {
        entry.insert("files", totals.files.into());
        entry.insert("bytes", totals.bytes.into());
    }
    entry
}

async fn call_systemd(connection: &Connection, method: &str, unit: &str) -> Result<(), Refusal> {
    connection
        .call_method(
            Some(systemd::SERVICE),
            systemd::PATH,
            Some(systemd::MANAGER),
            method,
            &(unit, "replace"),
        )
        .await
        .map_err(|error| Refusal::Failed(text(format!("{method} of {unit} failed: {error}"))))?
        .body()
        .deserialize::<OwnedObjectPath>()?;
    Ok(())
}

/// The interface in the introspection format of D-Bus.
#[must_use]
pub fn introspection() -> String {
    let instance = InstanceObject {
        host: Host::new("/"),
        view: Arc::default(),
        usage: Arc::new(Usage::new()),
    };
    let mut xml = String::from(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
    );
    instance.introspect_to_writer(&mut xml, 2);
    xml.push_str("</node>\n");
    xml
}
