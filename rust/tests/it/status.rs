//! `status` beside a systemd on a private bus, and without one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use zbus::OwnedObjectPath;

type Unit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

/// As much of systemd as `status` needs: every unit is in one state.
struct Systemd(&'static str);

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Systemd {
    fn list_units_by_names(&self, names: Vec<String>) -> Vec<Unit> {
        let path = OwnedObjectPath::try_from("/unit").unwrap();
        names
            .into_iter()
            .map(|name| {
                assert_eq!(name, "backupservice-myservice.service");
                let [text, state] = [String::new(), self.0.to_owned()];
                let sub = text.clone();
                (
                    name,
                    text.clone(),
                    text.clone(),
                    state,
                    sub,
                    text.clone(),
                    path.clone(),
                    0,
                    text,
                    path.clone(),
                )
            })
            .collect()
    }
}

/// A message bus of this test's own.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs dbus-daemon (Debian: dbus-bin or dbus-daemon)");
        let mut address = String::new();
        let stdout = daemon.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        Self { daemon, address }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A machine on which `myservice` left the state of a run.
fn machine() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, contents: Value| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents.to_string()).unwrap();
    };
    write(
        "etc/backupservice/plans/myservice.json",
        json!({ "instance": "myservice", "provider": { "type": "restic" } }),
    );
    write(
        "run/backupservice/myservice/state.json",
        json!({
            "version": 1,
            "instance": "myservice",
            "runId": "0123",
            "started": "2026-03-10T11:59:00Z",
            "phase": "backup",
            "progress": null,
        }),
    );
    directory
}

fn state(root: &Path, bus: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_backupservice"))
        .args(["status", "--json", "--root"])
        .arg(root)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all[0]["state"].clone()
}

#[test]
fn a_run_is_running_only_if_systemd_says_so() {
    let machine = machine();
    for (said, expected) in [
        ("activating", "running"),
        ("deactivating", "running"),
        ("inactive", "idle"),
        ("failed", "idle"),
    ] {
        let bus = Bus::start();
        let connection = zbus::block_on(async {
            zbus::connection::Builder::address(bus.address.as_str())
                .serve_at("/org/freedesktop/systemd1", Systemd(said))
                .name("org.freedesktop.systemd1")
                .build()
                .await
        })
        .unwrap();
        assert_eq!(state(machine.path(), &bus.address), expected, "{said}");
        drop(connection);
    }
}

#[test]
fn without_systemd_nobody_knows() {
    let machine = machine();
    assert_eq!(
        state(machine.path(), "unix:path=/nonexistent/bus"),
        "unknown"
    );
}
