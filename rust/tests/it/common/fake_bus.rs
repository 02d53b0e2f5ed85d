//! A private bus with something on it that speaks like systemd.

// What D-Bus prescribes is not what one would write otherwise.
#![allow(clippy::unused_self, clippy::unnecessary_literal_bound)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use backupservice::systemd::Systemd;
use zbus::object_server::SignalEmitter;
use zbus::wire::OwnedObjectPath;
use zbus::{Connection, connection, fdo, interface};

use super::tools;

const MANAGER_PATH: &str = "/org/freedesktop/systemd1";

type Calls = Arc<Mutex<Vec<String>>>;

pub struct Bus {
    pub daemon: Child,
    address: String,
    calls: Calls,
    ends: Sender<()>,
    _service: Connection,
    _directory: tempfile::TempDir,
}

impl Bus {
    pub fn start() -> Option<Self> {
        let program = tools::dbus_daemon()?;
        let directory = tempfile::tempdir().unwrap();
        let configuration = directory.path().join("bus.conf");
        let listen = format!("unix:dir={}", directory.path().display());
        std::fs::write(
            &configuration,
            format!(
                "<busconfig><listen>{listen}</listen><policy context='default'>\
                 <allow send_destination='*'/><allow own='*'/><allow eavesdrop='true'/>\
                 </policy></busconfig>"
            ),
        )
        .unwrap();
        let mut daemon = Command::new(program)
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let output = daemon.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let calls = Calls::default();
        let (ends, ended) = channel();
        let service = zbus::block_on(serve(&address, &calls, ended)).unwrap();
        Some(Self {
            daemon,
            address,
            calls,
            ends,
            _service: service,
            _directory: directory,
        })
    }

    pub fn systemd(&self) -> Systemd {
        let address = self.address.as_str();
        let connection = zbus::block_on(connection::Builder::address(address).build()).unwrap();
        Systemd::on(connection).unwrap()
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits for the first call.
    pub fn wait_for_call(&self) {
        while self.calls().is_empty() {
            thread::yield_now();
        }
    }

    /// Ends the job that starts slow.service.
    pub fn end_slow(&self) {
        self.ends.send(()).unwrap();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

async fn serve(address: &str, calls: &Calls, ended: Receiver<()>) -> zbus::Result<Connection> {
    let manager = Manager {
        jobs: 0,
        calls: calls.clone(),
        ended: Arc::new(Mutex::new(ended)),
    };
    let mut builder = connection::Builder::address(address)
        .serve_at(MANAGER_PATH, manager)
        .name("org.freedesktop.systemd1");
    for name in ["slow", "fast", "failing", "endless", "lost"] {
        let path = format!("{MANAGER_PATH}/unit/{name}");
        let unit = Unit {
            name,
            calls: calls.clone(),
        };
        let service = Service { name };
        builder = builder.serve_at(path.clone(), unit).serve_at(path, service);
    }
    builder.build().await
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    #[zbus(name = "systemd1.NoSuchUnit")]
    NoSuchUnit(String),
    #[zbus(name = "DBus.Error.InteractiveAuthorizationRequired")]
    NotAllowed(String),
}

struct Manager {
    jobs: u32,
    calls: Calls,
    ended: Arc<Mutex<Receiver<()>>>,
}

impl Manager {
    fn next_job(&mut self, call: &str, unit: &str) -> (u32, OwnedObjectPath) {
        self.jobs += 1;
        self.calls.lock().unwrap().push(format!("{call} {unit}"));
        (
            self.jobs,
            path(&format!("{MANAGER_PATH}/job/{}", self.jobs)),
        )
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn subscribe(&self) {}

    fn load_unit(&self, name: &str) -> OwnedObjectPath {
        path(&format!("{MANAGER_PATH}/unit/{}", stem(name)))
    }

    async fn start_unit(
        &mut self,
        name: String,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<OwnedObjectPath, Refusal> {
        assert_eq!(mode, "replace");
        match name.as_str() {
            "missing.service" => return Err(Refusal::NoSuchUnit("not found".to_owned())),
            "refused.service" => {
                return Err(Refusal::NotAllowed("please".to_owned()));
            }
            _ => {}
        }
        let (id, job) = self.next_job("start", &name);
        let result = if name == "failing.service" {
            "failed"
        } else {
            "done"
        };
        // Somebody else's job ends first.
        Self::job_removed(&emitter, 0, &path("/job/other"), "other.service", "failed").await?;
        match name.as_str() {
            "endless.service" | "lost.service" => {}
            "slow.service" => {
                let emitter = emitter.to_owned();
                let (job, calls, ended) = (job.clone(), self.calls.clone(), self.ended.clone());
                thread::spawn(move || {
                    if ended.lock().unwrap().recv().is_ok() {
                        calls.lock().unwrap().push(format!("end {name}"));
                        let removed = Self::job_removed(&emitter, id, &job, &name, result);
                        zbus::block_on(removed).unwrap();
                    }
                });
            }
            _ => Self::job_removed(&emitter, id, &job, &name, result).await?,
        }
        Ok(job)
    }

    async fn stop_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        assert_eq!(mode, "replace");
        let (id, job) = self.next_job("stop", name);
        Self::job_removed(&emitter, id, &job, name, "done").await?;
        Ok(job)
    }

    #[zbus(property)]
    fn system_state(&self) -> &str {
        "running"
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: &OwnedObjectPath,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

struct Unit {
    name: &'static str,
    calls: Calls,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property, name = "InvocationID")]
    fn invocation_id(&self) -> Vec<u8> {
        let early = self.name == "slow"
            && !self
                .calls
                .lock()
                .unwrap()
                .contains(&"end slow.service".to_owned());
        if early {
            return Vec::new();
        }
        (0..16).collect()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        (0, path("/"))
    }

    #[zbus(property)]
    fn load_state(&self) -> &str {
        "loaded"
    }

    #[zbus(property)]
    fn active_state(&self) -> &str {
        let stopped = format!("stop {}.service", self.name);
        match self.name {
            "failing" => "failed",
            "lost" => "inactive",
            _ if self.calls.lock().unwrap().contains(&stopped) => "inactive",
            _ => "active",
        }
    }

    #[zbus(property)]
    fn required_by(&self) -> Vec<String> {
        match self.name {
            "slow" => vec!["fast.service".to_owned(), "failing.service".to_owned()],
            _ => Vec::new(),
        }
    }

    #[zbus(property)]
    fn requisite_of(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property)]
    fn bound_by(&self) -> Vec<String> {
        match self.name {
            // A circle must not go on for ever.
            "fast" => vec!["slow.service".to_owned(), "endless.service".to_owned()],
            _ => Vec::new(),
        }
    }

    #[zbus(property)]
    fn consists_of(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property)]
    fn propagates_stop_to(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property)]
    fn triggered_by(&self) -> Vec<String> {
        vec![format!("{}.socket", self.name)]
    }
}

struct Service {
    name: &'static str,
}

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn result(&self) -> &str {
        if self.name == "failing" {
            "exit-code"
        } else {
            "success"
        }
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        if self.name == "failing" { 7 } else { 0 }
    }
}

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

fn stem(unit: &str) -> &str {
    unit.split('.').next().unwrap()
}
