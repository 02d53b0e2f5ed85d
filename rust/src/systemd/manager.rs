//! Client of systemd's manager over D-Bus.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_core::Stream;
use sd_notify::NotifyState;
use zbus::proxy::SignalStream;
use zbus::wire::{DynamicDeserialize, DynamicType, OwnedObjectPath, OwnedVariant};
use zbus::{Connection, Proxy};

use super::client::{self, MANAGER, PATH, SERVICE, UNIT, UNIT_SERVICE};
use super::{Activity, UnitError, UnitResult, Units, errors};
use crate::base::cancel::Cancel;
use crate::base::process::TICK;

/// Properties that list the units stopped along with a unit.
const STOPPED_ALONG: [&str; 5] = [
    "RequiredBy",
    "RequisiteOf",
    "BoundBy",
    "ConsistsOf",
    "PropagatesStopTo",
];

/// Time without signals after which the job is checked.
const SILENCE: Duration = Duration::from_secs(10);

/// Time in µs that this unit asks for while it waits for a job: until well after the next check.
const EXTENSION: u32 = 30_000_000;

/// Connection to systemd's manager, with the rights of the current user.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    removed: Mutex<Receiver<Removed>>,
}

/// The end of a job.
struct Removed {
    job: OwnedObjectPath,
    result: String,
}

impl Systemd {
    /// Connects to systemd on the system bus.
    ///
    /// # Errors
    /// The system bus cannot be reached.
    pub fn connect() -> Result<Self, UnitError> {
        let connection = zbus::block_on(Connection::system());
        Self::on(connection.map_err(|error| errors::unreachable(&error))?)
    }

    /// Connects to systemd on another bus.
    ///
    /// # Errors
    /// The bus cannot be reached, or there is no systemd on it.
    pub fn on(connection: Connection) -> Result<Self, UnitError> {
        let stream = zbus::block_on(subscribe(&connection));
        let stream = stream.map_err(|error| errors::unreachable(&error))?;
        let (sender, removed) = channel();
        thread::spawn(move || forward(stream, &sender));
        Ok(Self {
            connection,
            removed: Mutex::new(removed),
        })
    }

    /// Submits a job and waits for its end. The signal of its end may arrive before the answer
    /// with its path: so signals are collected from before the call.
    fn job(&self, method: &str, unit: &str, cancel: &Cancel) -> Result<JobEnd, UnitError> {
        let removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        while removed.try_recv().is_ok() {}
        let job: OwnedObjectPath = self.call(unit, method, &(unit, "replace"))?;
        let mut quiet = Instant::now();
        loop {
            if cancel.requested() {
                return Ok(JobEnd::Cancelled);
            }
            match removed.recv_timeout(TICK) {
                Ok(end) if end.job == job => return Ok(JobEnd::Removed(end.result)),
                Err(RecvTimeoutError::Timeout) if quiet.elapsed() > SILENCE => {
                    // The signal got lost, as when systemd was restarted.
                    if !self.has_job(unit)? && removed.try_recv().is_err() {
                        return Ok(JobEnd::Lost);
                    }
                    self.extend_timeout();
                    quiet = Instant::now();
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(errors::lost(unit)),
            }
        }
    }

    /// Asks for more time to stop (`TimeoutStopSec=`): other units have limits of their own. A
    /// shutdown waits for none.
    fn extend_timeout(&self) {
        if self.shutting_down() {
            return;
        }
        if let Err(error) = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(EXTENSION)]) {
            log::debug!("cannot ask systemd for more time: {error}");
        }
    }

    fn has_job(&self, unit: &str) -> Result<bool, UnitError> {
        let path = self.load(unit)?;
        let job: (u32, OwnedObjectPath) = self
            .property(&path, UNIT, "Job")
            .map_err(|error| errors::of_unit(unit, &error))?;
        Ok(job.0 != 0)
    }

    fn invocation_id(&self, unit: &str) -> Result<String, UnitError> {
        let path = self.load(unit)?;
        let id = self.property(&path, UNIT, "InvocationID");
        id.map(client::invocation_id)
            .map_err(|error| errors::of_unit(unit, &error))
    }

    fn result(&self, unit: &str, job: String) -> Result<UnitResult, UnitError> {
        let path = self.load(unit)?;
        let mut result = UnitResult {
            job,
            result: "success".to_owned(),
            invocation_id: self.invocation_id(unit)?,
            ..UnitResult::default()
        };
        if has_extension(unit, "service") {
            result.result = self
                .property(&path, UNIT_SERVICE, "Result")
                .map_err(|error| errors::of_unit(unit, &error))?;
            result.exit_status = self
                .property(&path, UNIT_SERVICE, "ExecMainStatus")
                .map_err(|error| errors::of_unit(unit, &error))?;
        }
        Ok(result)
    }

    fn load(&self, unit: &str) -> Result<OwnedObjectPath, UnitError> {
        zbus::block_on(client::load_unit(&self.connection, unit))
            .map_err(|error| errors::of_unit(unit, &error))
    }

    fn property<T>(&self, path: &str, interface: &str, name: &str) -> zbus::Result<T>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        zbus::block_on(client::property(&self.connection, path, interface, name))
    }

    /// Calls a method of the manager with the name of a unit.
    fn call<B, R>(&self, unit: &str, method: &str, body: &B) -> Result<R, UnitError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        zbus::block_on(client::call(&self.connection, PATH, MANAGER, method, body))
            .map_err(|error| errors::of_unit(unit, &error))
    }
}

impl Units for Systemd {
    fn start_and_wait(&self, unit: &str, cancel: &Cancel) -> Result<UnitResult, UnitError> {
        let before = self.invocation_id(unit).unwrap_or_default();
        match self.job("StartUnit", unit, cancel)? {
            // A shutdown stops the units that a run has started before the run hears of it.
            JobEnd::Removed(job) if job == "canceled" => Ok(UnitResult {
                cancelled: cancel.requested() || self.shutting_down(),
                ..self.result(unit, job)?
            }),
            JobEnd::Removed(job) => self.result(unit, job),
            JobEnd::Lost => {
                let result = self.result(unit, "done".to_owned())?;
                let id = &result.invocation_id;
                let ran = !id.is_empty() && *id != before;
                if ran || self.activity(unit)? == Activity::Active {
                    return Ok(result);
                }
                Ok(UnitResult {
                    job: "lost".to_owned(),
                    ..result
                })
            }
            JobEnd::Cancelled => {
                self.stop_and_wait(unit)?;
                let result = self.result(unit, "canceled".to_owned())?;
                Ok(UnitResult {
                    cancelled: true,
                    ..result
                })
            }
        }
    }

    fn stop_and_wait(&self, unit: &str) -> Result<(), UnitError> {
        match self.job("StopUnit", unit, &Cancel::never())? {
            JobEnd::Removed(result) if result == "done" => {
                if self.activity(unit)? == Activity::Active {
                    return Err(errors::not_stopped(unit, "started again at once"));
                }
                Ok(())
            }
            JobEnd::Lost if self.activity(unit)? == Activity::Inactive => Ok(()),
            JobEnd::Lost => Err(errors::not_stopped(unit, "lost")),
            JobEnd::Removed(result) => Err(errors::not_stopped(unit, &result)),
            JobEnd::Cancelled => Err(errors::not_stopped(unit, "cancelled")),
        }
    }

    fn forget_starts(&self, unit: &str) -> Result<(), UnitError> {
        self.call(unit, "ResetFailedUnit", &(unit,))
    }

    fn activity(&self, unit: &str) -> Result<Activity, UnitError> {
        let path = self.load(unit)?;
        let get = |name| -> Result<String, UnitError> {
            self.property(&path, UNIT, name)
                .map_err(|error| errors::of_unit(unit, &error))
        };
        if get("LoadState")? == "not-found" {
            return Err(errors::not_found(unit));
        }
        Ok(match get("ActiveState")?.as_str() {
            "inactive" | "failed" => Activity::Inactive,
            "deactivating" => Activity::Stopping,
            _ => Activity::Active,
        })
    }

    fn active(&self, pattern: &str) -> Result<Vec<String>, UnitError> {
        let listed = zbus::block_on(client::list_matching(&self.connection, pattern))
            .map_err(|error| errors::of_unit(pattern, &error))?;
        let active = listed
            .into_iter()
            .filter(|unit| !["inactive", "failed"].contains(&unit.active.as_str()));
        Ok(active.map(|unit| unit.name).collect())
    }

    fn stopped_along(&self, unit: &str) -> Result<Vec<String>, UnitError> {
        let path = self.load(unit)?;
        let mut all = Vec::new();
        for name in STOPPED_ALONG {
            let mut some: Vec<String> = self
                .property(&path, UNIT, name)
                .map_err(|error| errors::of_unit(unit, &error))?;
            all.append(&mut some);
        }
        Ok(all)
    }

    fn triggers(&self, unit: &str) -> Result<Vec<String>, UnitError> {
        let path = self.load(unit)?;
        self.property(&path, UNIT, "TriggeredBy")
            .map_err(|error| errors::of_unit(unit, &error))
    }

    fn restarts(&self, unit: &str) -> Result<u32, UnitError> {
        let path = self.load(unit)?;
        self.property(&path, UNIT_SERVICE, "NRestarts")
            .map_err(|error| errors::of_unit(unit, &error))
    }

    fn last_activation(&self, unit: &str) -> Result<String, UnitError> {
        let path = self.load(unit)?;
        let id: Vec<u8> = self
            .property(&path, UNIT, "InvocationID")
            .map_err(|error| errors::of_unit(unit, &error))?;
        Ok(client::invocation_id(id))
    }

    fn shutting_down(&self) -> bool {
        let state: zbus::Result<String> = self.property(PATH, MANAGER, "SystemState");
        state.is_ok_and(|state| state == "stopping")
    }
}

enum JobEnd {
    Removed(String),
    /// The job is gone, and nobody said how it ended.
    Lost,
    Cancelled,
}

async fn subscribe(connection: &Connection) -> zbus::Result<SignalStream<'static>> {
    let manager = Proxy::new_owned(connection.clone(), SERVICE, PATH, MANAGER).await?;
    // Follows the owner of the name: nobody else can pretend that a job has ended.
    let stream = manager.receive_signal("JobRemoved").await?;
    let () = manager.call("Subscribe", &()).await?;
    Ok(stream)
}

fn forward(mut stream: SignalStream<'static>, sender: &Sender<Removed>) {
    while let Some(message) =
        zbus::block_on(poll_fn(|context| Pin::new(&mut stream).poll_next(context)))
    {
        type Arguments = (u32, OwnedObjectPath, String, String);
        let arguments: zbus::Result<Arguments> = message.body().deserialize();
        match arguments {
            Ok((_, job, _, result)) => {
                if sender.send(Removed { job, result }).is_err() {
                    return;
                }
            }
            Err(error) => log::warn!("cannot read a JobRemoved signal of systemd: {error}"),
        }
    }
}

fn has_extension(unit: &str, extension: &str) -> bool {
    unit.rsplit_once('.')
        .is_some_and(|(_, last)| last == extension)
}
