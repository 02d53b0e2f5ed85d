//! The interface of an instance.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::message::Header;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::wire::{OwnedObjectPath, Variant};
use zbus::{Connection, interface};

use super::blocking::aside;
use super::polkit::{self, Wish};
use super::refusal::Refusal;
use super::usage::Usage;
use super::view::{View, microseconds};
use crate::base::cancel::Cancel;
use crate::base::paths::Host;
use crate::base::unit_names::unit;
use crate::client::{Client, Reader};
use crate::provider::Snapshot;
use crate::systemd::Systemd;
use crate::systemd::client as systemd;
use crate::systemd::timers::{RunActivity, UnitStates};

/// One entry of a list of snapshots.
type Entry = HashMap<&'static str, Variant<'static>>;

/// What is shown of an instance, shared with the daemon, which keeps it up to date.
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
}

// Each answer has the type that the bus wants.
#[allow(clippy::needless_pass_by_value)]
#[interface(name = "org.backupservice1.Instance")]
impl InstanceObject {
    /// Starts a backup now, and does not wait for its end: see Finished. Does nothing if one
    /// is under way. polkit: org.backupservice1.start.
    async fn start(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Refusal> {
        let _call = self.usage.begin();
        let instance = &self.name_of();
        let wish = Wish {
            action: "start",
            doing: "start the backup of",
            command: "run",
            instance,
        };
        polkit::check(connection, &header, &wish).await?;
        ask_systemd(connection, "StartUnit", &unit(instance, "", "service")).await
    }

    /// Stops the backup or maintenance that is under way, and does not wait until what was
    /// stopped for it has been started again. polkit: org.backupservice1.cancel.
    async fn cancel(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Refusal> {
        let _call = self.usage.begin();
        let instance = &self.name_of();
        let wish = Wish {
            action: "cancel",
            doing: "cancel the backup of",
            command: "cancel",
            instance,
        };
        polkit::check(connection, &header, &wish).await?;
        let schedule = UnitStates::ask_on(connection, &[instance]).await?;
        let mut cancelled = false;
        for suffix in ["", "-maintain"] {
            if schedule.activity(instance, suffix) == RunActivity::Running {
                ask_systemd(connection, "StopUnit", &unit(instance, suffix, "service")).await?;
                cancelled = true;
            }
        }
        if cancelled {
            Ok(())
        } else {
            Err(Refusal::NotRunning(format!(
                "neither a backup nor a maintenance of {instance} is under way"
            )))
        }
    }

    /// The snapshots, oldest first, each with id (s), time (t, microseconds since 1970),
    /// complete (b), and, where they were counted, files (t) and bytes (t). They are read
    /// from the repository, which may take long. polkit: org.backupservice1.list-snapshots.
    async fn list_snapshots(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<Entry>, Refusal> {
        let _call = self.usage.begin();
        let instance = self.name_of();
        let wish = Wish {
            action: "list-snapshots",
            doing: "list the snapshots of",
            command: "snapshots",
            instance: &instance,
        };
        polkit::check(connection, &header, &wish).await?;
        let host = self.host.clone();
        let snapshots = aside(move || {
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
        .map_err(|failure| Refusal::Failed(failure.to_string()))?;
        Ok(snapshots.into_iter().map(entry).collect())
    }

    /// A backup has ended: its run id, its outcome, and the id of its snapshot or nothing.
    /// Each attempt is a run of its own.
    #[zbus(signal)]
    pub(super) async fn finished(
        emitter: &SignalEmitter<'_>,
        run_id: &str,
        outcome: &str,
        snapshot: &str,
    ) -> zbus::Result<()>;

    /// Its name below backupservice.instances.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> String {
        self.shown().name.clone()
    }

    /// The program that makes the snapshots: restic or borg.
    #[zbus(property)]
    fn provider(&self) -> String {
        self.shown().provider.clone()
    }

    /// idle, running (a backup or a maintenance), or unknown if systemd cannot be asked.
    #[zbus(property)]
    fn state(&self) -> String {
        self.shown().state.to_owned()
    }

    /// What it is doing while it is running, as in the journal's `BACKUP_PHASE`.
    #[zbus(property)]
    fn phase(&self) -> String {
        self.shown().phase.clone()
    }

    /// How far the phase is, from 0 to 1; 0 where that is not known.
    #[zbus(property)]
    fn progress(&self) -> f64 {
        self.shown().progress
    }

    /// The id of the last run that ended: journalctl `_SYSTEMD_INVOCATION_ID=`.
    #[zbus(property)]
    fn last_run_id(&self) -> String {
        self.shown().last_run_id.clone()
    }

    /// success, incomplete, skipped, failed, cancelled, or nothing before the first run.
    #[zbus(property)]
    fn last_outcome(&self) -> String {
        self.shown().last_outcome.to_owned()
    }

    /// Why the last run is not a success, and what to do about it.
    #[zbus(property)]
    fn last_error(&self) -> String {
        self.shown().last_error.clone()
    }

    /// When the last run ended, in microseconds since 1970; 0 before the first.
    #[zbus(property)]
    fn last_finished(&self) -> u64 {
        self.shown().last_finished
    }

    /// Whether something could not be put back as it was before the last run.
    #[zbus(property)]
    fn last_cleanup_failed(&self) -> bool {
        self.shown().last_cleanup_failed
    }

    /// When the last success ended, in microseconds since 1970; 0 if there was none.
    #[zbus(property)]
    fn last_success(&self) -> u64 {
        self.shown().last_success
    }

    /// The id of the last snapshot that was made, complete or not.
    #[zbus(property)]
    fn last_snapshot(&self) -> String {
        self.shown().last_snapshot.clone()
    }

    /// The bytes that it added to the repository.
    #[zbus(property)]
    fn last_bytes_added(&self) -> u64 {
        self.shown().last_bytes_added
    }

    /// What the timer does: waiting, running, elapsed (for the last time), dead, masked,
    /// missing, or unknown.
    #[zbus(property)]
    fn timer(&self) -> String {
        self.shown().timer.to_owned()
    }

    /// When the timer starts the next run, in microseconds since 1970; 0 unless it waits.
    #[zbus(property)]
    fn next_run(&self) -> u64 {
        self.shown().next_run
    }

    /// The outcome of the last maintenance, or nothing before the first.
    #[zbus(property)]
    fn last_maintenance(&self) -> String {
        self.shown().last_maintenance.to_owned()
    }

    /// When the timer starts the next maintenance, in microseconds since 1970, or 0.
    #[zbus(property)]
    fn next_maintenance(&self) -> u64 {
        self.shown().next_maintenance
    }
}

fn entry(snapshot: Snapshot) -> Entry {
    let mut entry: Entry = HashMap::from([
        ("id", snapshot.id.into()),
        ("time", microseconds(Some(snapshot.time)).into()),
        ("complete", snapshot.complete.into()),
    ]);
    if let Some(totals) = snapshot.totals {
        entry.insert("files", totals.files.into());
        entry.insert("bytes", totals.bytes.into());
    }
    entry
}

async fn ask_systemd(connection: &Connection, method: &str, unit: &str) -> Result<(), Refusal> {
    connection
        .call_method(
            Some(systemd::SERVICE),
            systemd::PATH,
            Some(systemd::MANAGER),
            method,
            &(unit, "replace"),
        )
        .await
        .map_err(|error| Refusal::Failed(format!("{method} of {unit} failed: {error}")))?
        .body()
        .deserialize::<OwnedObjectPath>()?;
    Ok(())
}

/// The interface in D-Bus's introspection format.
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
