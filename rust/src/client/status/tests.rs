use std::fs;

use expect_test::expect;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A machine with the files of some instances.
struct Machine {
    _directory: TempDir,
    host: Host,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Host::new(directory.path());
        fs::create_dir_all(host.plans()).unwrap();
        Self {
            _directory: directory,
            host,
        }
    }

    fn instance(self, name: &str) -> Self {
        let plan = json!({ "version": 7, "instance": name, "provider": { "type": "restic" } });
        fs::write(
            self.host.plans().join(format!("{name}.json")),
            plan.to_string(),
        )
        .unwrap();
        let files = self.host.instance(name);
        fs::create_dir_all(files.state).unwrap();
        fs::create_dir_all(files.runtime).unwrap();
        self
    }

    fn ran(self, name: &str, records: &[Value]) -> Self {
        let files = self.host.instance(name);
        fs::write(files.history(), json!(records).to_string()).unwrap();
        fs::write(files.last_run(), records.last().unwrap().to_string()).unwrap();
        self
    }

    fn runs(self, name: &str, run_id: &str, progress: &Value) -> Self {
        let state = json!({
            "version": 1,
            "instance": name,
            "runId": run_id,
            "started": "2026-03-10T11:59:00Z",
            "phase": "backup",
            "progress": progress,
        });
        fs::write(self.host.instance(name).run_state(), state.to_string()).unwrap();
        self
    }

    fn status(&self, name: Option<&str>, json: bool, activity: RunActivity) -> String {
        let units = UnitStates::pretend(activity, "2026-03-11T03:00:00Z".parse().ok());
        self.status_with(name, json, &units)
    }

    fn status_with(&self, name: Option<&str>, json: bool, units: &UnitStates) -> String {
        let now: Zoned = "2026-03-10T13:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let format = if json {
            Format::Json
        } else {
            Format::Text(Terminal::default())
        };
        let uptime = Uptime {
            awake: 60.0,
            boot_id: None,
        };
        run(&self.host, name, format, &now, &uptime, &|_| units.clone())
            .unwrap_or_else(|error| format!("error: {error:#}\n"))
    }
}

fn success(run_id: &str, time: &str) -> Value {
    json!({
        "version": 1,
        "instance": "x",
        "provider": "restic",
        "runId": run_id,
        "attempt": 1,
        "started": format!("{time}:00Z"),
        "finished": format!("{time}:42Z"),
        "outcome": "success",
        "cleanupFailed": false,
        "error": null,
        "snapshot": format!("{run_id}0123456789abcdef"),
        "totals": { "files": 10, "bytes": 5_000_000, "bytesAdded": 1_234_567 },
        "phases": [
            { "name": "before-backup", "started": format!("{time}:00Z"), "seconds": 0.3 },
            { "name": "backup", "started": format!("{time}:01Z"), "seconds": 40.7 },
        ],
    })
}

fn failure(run_id: &str, time: &str) -> Value {
    let mut record = success(run_id, time);
    record["outcome"] = json!("failed");
    record["cleanupFailed"] = json!(true);
    record["snapshot"] = json!(null);
    record["totals"] = json!(null);
    record["error"] = json!({ "message": "the hook a\u{1b} failed", "remedy": "See its journal" });
    record
}

fn progress() -> Value {
    json!({ "fraction": 0.437, "bytesDone": 437, "bytesTotal": 1000, "filesDone": 4, "filesTotal": 10 })
}

fn machine() -> Machine {
    Machine::new()
        .instance("nextcloud")
        .instance("a")
        .instance("home-assistant")
        .instance("mail")
        .ran(
            "nextcloud",
            &[
                success("aa", "2026-03-09T03:00"),
                failure("bb", "2026-03-10T03:00"),
            ],
        )
        .ran("mail", &[success("cc", "2026-03-10T09:00")])
        .runs("home-assistant", "dd", &progress())
}

#[test]
fn people_get_a_table() {
    expect![[r#"
        INSTANCE        PROVIDER  STATE        LAST RUN  LAST SUCCESS  NEXT RUN  LAST SNAPSHOT  ADDED    MAINTENANCE
        a               restic    idle         never     never         in 15 h   -              -        never
        home-assistant  restic    backup 43 %  never     never         in 15 h   -              -        never
        mail            restic    idle         success   2 h ago       in 15 h   cc012345       1.1 MiB  never
        nextcloud       restic    idle         failed    32 h ago      in 15 h   aa012345       1.1 MiB  never
    "#]].assert_eq(&machine().status(None, false, RunActivity::Running));
}

#[test]
fn deadlines_and_failing_channels_are_shown() {
    let machine = machine();
    let state = |since: &str| {
        json!({
            "firstSeen": "2026-03-01T00:00:00Z", "lastRun": null, "failing": "failed",
            "lastMaintenance": null, "maintenanceFailing": false, "crashes": [],
            "overdue": true,
            "expected": {
                "calendar": "daily", "since": since, "due": "never", "lateSeconds": 0.0,
                "overdue": true, "deadline": "2026-03-10T05:00:00Z",
            },
        })
    };
    let cursor = json!({
        "version": 1, "generation": 7, "awakeSeconds": 5.0, "lastEvent": 3,
        "instances": {
            "nextcloud": state("2026-03-09T03:00:42Z"),
            "a": state("2026-03-01T00:00:00Z"),
            // It has succeeded since.
            "mail": state("2026-03-09T03:00:42Z"),
        },
        "channels": {
            "apprise:phone": [{ "lastEvent": 2, "changed": [], "failing": null }],
            "ping:x": [{
                "lastEvent": 2,
                "changed": [],
                "failing": { "since": "2026-03-10T09:00:00Z", "error": "Nobody\u{7} answers." },
            }],
        },
    });
    fs::create_dir_all(machine.host.events()).unwrap();
    fs::write(
        machine.host.events().join("cursor.json"),
        cursor.to_string(),
    )
    .unwrap();
    expect![[r#"
        INSTANCE        PROVIDER  STATE  LAST RUN                LAST SUCCESS       NEXT RUN  LAST SNAPSHOT  ADDED    MAINTENANCE
        a               restic    idle   never                   never, overdue     in 15 h   -              -        never
        home-assistant  restic    idle   never                   never              in 15 h   -              -        never
        mail            restic    idle   success                 2 h ago            in 15 h   cc012345       1.1 MiB  never
        nextcloud       restic    idle   failed, cleanup failed  32 h ago, overdue  in 15 h   aa012345       1.1 MiB  never
        cannot send notifications via ping:x (first failure 3 h ago): Nobody� answers.
    "#]].assert_eq(&machine.status(None, false, RunActivity::Idle));
    let all = machine.status(None, true, RunActivity::Idle);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all[3]["deadline"], "2026-03-10T05:00:00Z");
    assert_eq!(
        (&all[2]["overdue"], &all[3]["overdue"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn a_state_that_a_crash_left_is_not_a_run() {
    let line = |activity| {
        let table = machine().status(None, false, activity);
        table
            .lines()
            .find(|line| line.starts_with("home"))
            .unwrap()
            .to_owned()
    };
    let state = |activity| line(activity).split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(state(RunActivity::Running), "backup");
    assert_eq!(state(RunActivity::Idle), "idle");
    assert_eq!(state(RunActivity::Unknown), "unknown");
}

#[test]
fn a_run_with_a_record_has_ended() {
    let machine = machine().runs("mail", "cc", &progress());
    let table = machine.status(Some("mail"), false, RunActivity::Running);
    assert!(table.starts_with("mail (restic): idle\n"), "{table}");
}

#[test]
fn one_instance_has_its_last_runs_with_phases() {
    let machine = machine();
    expect![[r#"
        nextcloud (restic): idle
        last success: 32 h ago
        next run: in 15 h
        problem: the hook a� failed. See its journal.
        problem: units stopped for the last backup may still be down. Retry the cleanup: `systemctl start backupservice-recover.service`.

        STARTED                  OUTCOME                 TOOK  SNAPSHOT  ADDED
        2026-03-10 04:00:00 CET  failed, cleanup failed  42 s  -         -
          before-backup <1 s, backup 41 s
          the hook a� failed. See its journal.
          journalctl _SYSTEMD_INVOCATION_ID=bb + INVOCATION_ID=bb
        2026-03-09 04:00:00 CET  success                 42 s  aa012345  1.1 MiB
          before-backup <1 s, backup 41 s
          journalctl _SYSTEMD_INVOCATION_ID=aa + INVOCATION_ID=aa
    "#]]
    .assert_eq(&machine.status(Some("nextcloud"), false, RunActivity::Idle));
    expect![[r#"
        a (restic): idle
        last success: never
        next run: in 15 h
    "#]]
    .assert_eq(&machine.status(Some("a"), false, RunActivity::Idle));
}

#[test]
fn programs_get_json() {
    let machine = machine();
    let all = machine.status(None, true, RunActivity::Running);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all.len(), 4);
    expect![[r#"
        {
          "checked": null,
          "cleanupFailed": false,
          "deadline": null,
          "healthy": true,
          "instance": "home-assistant",
          "lastBytesAdded": null,
          "lastMaintenance": null,
          "lastRestore": null,
          "lastResults": {
            "check": null,
            "complete": null,
            "prune": null,
            "retention": null,
            "version": 0
          },
          "lastRun": null,
          "lastSnapshot": null,
          "lastSuccess": null,
          "nextMaintenance": null,
          "nextRun": "2026-03-11T03:00:00Z",
          "operation": "backup",
          "outcome": null,
          "overdue": null,
          "phase": "backup",
          "problems": [],
          "progress": {
            "bytesDone": 437,
            "bytesTotal": 1000,
            "filesDone": 4,
            "filesTotal": 10,
            "fraction": 0.437
          },
          "provider": "restic",
          "retry": null,
          "state": "running",
          "timer": "waiting"
        }"#]]
    .assert_eq(&format!("{:#}", all[1]));
    let one = machine.status(Some("nextcloud"), true, RunActivity::Idle);
    let one: Vec<Value> = serde_json::from_str(&one).unwrap();
    assert_eq!(one[0]["history"].as_array().unwrap().len(), 2);
    assert_eq!(one[0]["lastRun"]["runId"], "bb");
    assert_eq!(one[0]["lastSuccess"], "2026-03-09T03:00:42Z");
}

#[test]
fn unknown_names_and_unreadable_files_are_errors() {
    let machine = machine();
    expect![[r#"
        error: there is no instance `nextclou`. Choose one of: a, home-assistant, mail, nextcloud.
    "#]]
    .assert_eq(&machine.status(Some("nextclou"), false, RunActivity::Idle));
    expect![[r#"
        error: there is no instance `a`. No instance is configured: define one in backupservice.instances.
    "#]]
    .assert_eq(&Machine::new().status(Some("a"), false, RunActivity::Idle));
    expect![[r#"
        No instances. Define one in backupservice.instances.
    "#]]
    .assert_eq(&Machine::new().status(None, false, RunActivity::Idle));
    assert_eq!(Machine::new().status(None, true, RunActivity::Idle), "[]\n");
}

#[test]
fn what_cannot_be_read_is_unknown_and_hides_nothing_else() {
    let machine = machine();
    fs::write(machine.host.instance("a").last_run(), "{").unwrap();
    fs::write(machine.host.plans().join("mail.json"), "{").unwrap();
    let text = machine.status(None, false, RunActivity::Idle);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
    let words: Vec<&str> = line("a ").split_whitespace().collect();
    assert_eq!(words[3..5], ["unknown", "unknown"], "{text}");
    assert!(line("mail ").contains("success"), "{text}");
    assert!(
        line("nextcloud ").contains("failed, cleanup failed"),
        "{text}"
    );
    assert!(line("a: ").contains("last-run.json is damaged"), "{text}");
    assert!(line("mail: ").contains("cannot read the plan"), "{text}");
}

#[test]
fn without_systemd_nothing_is_taken_for_idle() {
    let text = machine().status(None, false, RunActivity::Unknown);
    let row = text.lines().find(|line| line.starts_with("mail ")).unwrap();
    assert!(row.contains("unknown"), "{text}");
    assert!(
        text.contains("all instances: systemd cannot be reached"),
        "{text}"
    );
}

#[test]
fn a_waiting_retry_says_what_failed_and_when_it_goes_on() {
    let mut failed = failure("ee", "2026-03-10T11:55");
    failed["cleanupFailed"] = json!(false);
    failed["attempt"] = json!(2);
    failed["error"]["message"] = json!("attempt 2 of 5 failed: no route to the server");
    let machine = Machine::new().instance("a").ran("a", &[failed]);
    let units = UnitStates::pretend(RunActivity::Retrying, "2026-03-10T12:05:00Z".parse().ok());
    expect![[r#"
        INSTANCE  PROVIDER  STATE              LAST RUN  LAST SUCCESS  NEXT RUN  LAST SNAPSHOT  ADDED  MAINTENANCE
        a         restic    retrying at 13:05  failed    never         in 5 min  -              -      never
        a: attempt 2 of 5 failed: no route to the server; next at 13:05
    "#]].assert_eq(&machine.status_with(None, false, &units));
    expect![[r#"
        a (restic): retrying at 13:05
        attempt 2 of 5 failed: no route to the server; next at 13:05
        last success: never
        next run: in 5 min

        STARTED                  OUTCOME  TOOK  SNAPSHOT  ADDED
        2026-03-10 12:55:00 CET  failed   42 s  -         -
          before-backup <1 s, backup 41 s
          attempt 2 of 5 failed: no route to the server. See its journal.
          journalctl _SYSTEMD_INVOCATION_ID=ee + INVOCATION_ID=ee
    "#]]
    .assert_eq(&machine.status_with(Some("a"), false, &units));
    let all = machine.status_with(None, true, &units);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(
        (&all[0]["state"], &all[0]["operation"]),
        (&json!("retrying"), &json!("backup"))
    );
    assert_eq!(
        all[0]["retry"],
        json!({
            "attempt": 2,
            "attempts": 5,
            "error": {
                "message": "attempt 2 of 5 failed: no route to the server",
                "remedy": "See its journal",
            },
            "next": "2026-03-10T12:05:00Z",
        })
    );
}

#[test]
fn a_restore_is_running_and_in_the_history() {
    let machine = Machine::new()
        .instance("a")
        .ran("a", &[success("aa", "2026-03-09T03:00")]);
    let files = machine.host.instance("a");
    let state = json!({
        "version": 1,
        "instance": "a",
        "runId": "ff",
        "started": "2026-03-10T11:59:00Z",
        "phase": "swap",
        "progress": null,
    });
    fs::write(files.restore_state(), state.to_string()).unwrap();
    let mut restored = success("ee", "2026-03-09T12:00");
    restored["outcome"] = json!("cancelled");
    fs::write(files.restores_history(), json!([restored]).to_string()).unwrap();

    let idle = UnitStates::pretend(RunActivity::Idle, None);
    let busy = idle.clone().with_restore("a");
    expect![[r#"
        a (restic): restore: swap
        last success: 32 h ago
        next run: unknown

        STARTED                  OUTCOME             TOOK  SNAPSHOT  ADDED
        2026-03-09 13:00:00 CET  restore: cancelled  42 s  ee012345  -
          before-backup <1 s, backup 41 s
          journalctl _SYSTEMD_INVOCATION_ID=ee + INVOCATION_ID=ee
        2026-03-09 04:00:00 CET  success             42 s  aa012345  1.1 MiB
          before-backup <1 s, backup 41 s
          journalctl _SYSTEMD_INVOCATION_ID=aa + INVOCATION_ID=aa
    "#]]
    .assert_eq(&machine.status_with(Some("a"), false, &busy));
    let state = |units: &UnitStates| {
        let all = machine.status_with(None, true, units);
        let all: Vec<Value> = serde_json::from_str(&all).unwrap();
        assert_eq!(all[0]["lastRestore"]["runId"], "ee");
        (all[0]["state"].clone(), all[0]["operation"].clone())
    };
    assert_eq!(state(&busy), (json!("running"), json!("restore")));
    // A crash has left the state.
    assert_eq!(state(&idle), (json!("idle"), json!(null)));
    // Another instance's.
    let other = idle.with_restore("a-b");
    assert_eq!(state(&other), (json!("idle"), json!(null)));
}
