//! `status` beside a systemd on a private bus, and without one.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backupservice::provider::Snapshot;
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

/// As much of systemd as `status` needs: every service is in one state.
#[derive(Default)]
struct Systemd {
    services: &'static str,
    asked: Arc<AtomicUsize>,
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Systemd {
    fn list_units_by_names(&self, names: Vec<String>) -> Vec<Unit> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        names.into_iter().map(|name| self.row(name)).collect()
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_value)] // as D-Bus has it
    fn list_units_by_patterns(&self, states: Vec<String>, patterns: Vec<String>) -> Vec<Unit> {
        assert!(states.is_empty());
        assert_eq!(patterns, ["backupservice-*-restore@*.service"]);
        Vec::new()
    }
}

impl Systemd {
    fn row(&self, name: String) -> Unit {
        let (load, active, sub) = match name.as_str() {
            "backupservice-masked.timer" => ("masked", "inactive", "dead"),
            "backupservice-dead.timer" => ("loaded", "inactive", "dead"),
            "backupservice-myservice.timer" | "backupservice-other.timer" => {
                ("loaded", "active", "waiting")
            }
            name if name.contains("-maintain.") => ("not-found", "inactive", "dead"),
            _ => ("loaded", self.services, "start"),
        };
        let path = OwnedObjectPath::try_from("/timer").unwrap();
        let text = String::new();
        (
            name,
            text.clone(),
            load.to_owned(),
            active.to_owned(),
            sub.to_owned(),
            text.clone(),
            path.clone(),
            0,
            text,
            path,
        )
    }
}

struct Timer(u64);

#[zbus::interface(name = "org.freedesktop.systemd1.Timer")]
impl Timer {
    #[zbus(property, name = "NextElapseUSecRealtime")]
    fn next_elapse(&self) -> u64 {
        self.0
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
fn machine(others: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, contents: Value| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents.to_string()).unwrap();
    };
    for name in others.iter().chain(&["myservice"]) {
        write(
            &format!("etc/backupservice/plans/{name}.json"),
            json!({ "instance": name, "provider": { "type": "restic" } }),
        );
    }
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

fn statuses(root: &Path, bus: &str) -> Vec<Value> {
    ask(root, bus, &["status", "--json"])
}

fn ask(root: &Path, bus: &str, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_backupservice"))
        .args(arguments)
        .arg("--root")
        .arg(root)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn serve(bus: &Bus, systemd: Systemd) -> zbus::Connection {
    zbus::block_on(async {
        zbus::connection::Builder::address(bus.address.as_str())
            .serve_at("/org/freedesktop/systemd1", systemd)
            .serve_at("/timer", Timer(1_773_198_000_000_000))
            .name("org.freedesktop.systemd1")
            .build()
            .await
    })
    .unwrap()
}

#[test]
fn a_run_is_running_only_if_systemd_says_so() {
    let machine = machine(&[]);
    for (services, expected) in [
        ("activating", "running"),
        ("deactivating", "running"),
        ("inactive", "idle"),
        ("failed", "idle"),
    ] {
        let bus = Bus::start();
        let systemd = Systemd {
            services,
            ..Systemd::default()
        };
        let _connection = serve(&bus, systemd);
        let all = statuses(machine.path(), &bus.address);
        assert_eq!(all[0]["state"], expected, "{services}");
    }
}

#[test]
fn timers_of_all_instances_are_asked_for_at_once() {
    let machine = machine(&["dead", "masked", "other"]);
    let bus = Bus::start();
    let asked = Arc::default();
    let systemd = Systemd {
        services: "inactive",
        asked: Arc::clone(&asked),
    };
    let _connection = serve(&bus, systemd);
    let all = statuses(machine.path(), &bus.address);
    let timers: Vec<Value> = all
        .iter()
        .map(|one| json!([one["instance"], one["timer"], one["nextRun"]]))
        .collect();
    let next = "2026-03-11T03:00:00Z";
    assert_eq!(
        timers,
        [
            json!(["dead", "dead", null]),
            json!(["masked", "masked", null]),
            json!(["myservice", "waiting", next]),
            json!(["other", "waiting", next]),
        ]
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn without_systemd_nobody_knows() {
    let machine = machine(&[]);
    let all = statuses(machine.path(), "unix:path=/nonexistent/bus");
    assert_eq!(all[0]["state"], "unknown");
    assert_eq!(all[0]["timer"], "unknown");
}

#[test]
fn the_reference_names_every_field() {
    let machine = machine(&[]);
    let arguments = ["status", "myservice", "--json"];
    let all = ask(machine.path(), "unix:path=/nonexistent/bus", &arguments);
    let snapshot = Snapshot {
        original: None,
        id: String::new(),
        time: jiff::Timestamp::UNIX_EPOCH,
        complete: true,
        paths: Vec::new(),
        totals: None,
    };
    let snapshot = serde_json::to_value(snapshot).unwrap();
    let reference = include_str!("../../../docs/reference/status-json.md");
    let mut named = Vec::new();
    for section in ["## An instance", "## A snapshot"] {
        let (_, text) = reference.split_once(section).unwrap();
        let rows = text
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("## "));
        named.push(
            rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`'))
                .map(|(name, _)| name)
                .collect::<BTreeSet<_>>(),
        );
    }
    for (value, named) in [&all[0], &snapshot].into_iter().zip(named) {
        let fields = value.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(fields.collect::<BTreeSet<_>>(), named);
    }
}
