//! Every event reaches every address, whatever happens to the others and to the disk.

use std::fs;

use serde_json::{Value, json};

use super::fake::{FakeMachine, record};
use crate::base::outcome::Outcome;
use crate::report::record::Record;
use crate::watch::store;

/// The record of a failure of another instance.
fn failure(instance: &str, number: i64) -> Record {
    Record {
        instance: instance.to_owned(),
        ..record(Outcome::Failed, number)
    }
}

fn failed(instance: &str) -> (String, String) {
    ("failed".to_owned(), instance.to_owned())
}

#[test]
fn one_address_that_refuses_neither_blocks_the_others_nor_repeats_anything() {
    let machine = FakeMachine::new();
    machine
        .addresses
        .replace("json://bad\njson://good\n".to_owned());
    machine.scan(0);
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1).0, 1);
    machine.scan(1);
    machine.ran(&record(Outcome::Success, 2));
    machine.scan(2);
    assert_eq!(
        machine.inbox("json://good"),
        ["Backup of cloud failed", "Backup of cloud works again"]
    );
    // The same number of addresses: each has kept its own mark.
    machine
        .addresses
        .replace("json://mended\njson://good\n".to_owned());
    assert_eq!(machine.scan(3).0, 0);
    assert_eq!(machine.inbox("json://mended"), machine.inbox("json://good"));
    assert_eq!(machine.inbox("json://good").len(), 2);
}

#[test]
fn addresses_keep_their_marks_in_another_order() {
    let machine = FakeMachine::new();
    let addresses = |text: &str| machine.addresses.replace(text.to_owned());
    addresses("json://bad\njson://good\n");
    machine.scan(0);
    machine.ran(&record(Outcome::Failed, 1));
    machine.scan(1);
    // A new one in front, and the others exchanged.
    addresses("json://new\njson://good\njson://bad\n");
    machine.scan(1);
    addresses("json://new\njson://good\njson://mended\n");
    assert_eq!(machine.scan(1).0, 0);
    let failed = ["Backup of cloud failed"];
    assert_eq!(machine.inbox("json://good"), failed);
    assert_eq!(machine.inbox("json://mended"), failed);
    assert!(machine.inbox("json://new").is_empty());
    // The same one twice is two, and none gets what is old.
    addresses("json://good\njson://good\n");
    machine.ran(&record(Outcome::Success, 2));
    machine.scan(2);
    assert_eq!(
        machine.inbox("json://good"),
        [
            "Backup of cloud failed",
            "Backup of cloud works again",
            "Backup of cloud works again"
        ]
    );
}

#[test]
fn nothing_that_others_can_read_tells_an_address() {
    use std::os::unix::fs::PermissionsExt;
    let machine = FakeMachine::new();
    machine.addresses.replace("json://good\n".to_owned());
    machine.scan(0);
    for place in [machine.host().events(), machine.host().monitor_runtime()] {
        let key = fs::metadata(place.join("address-key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        let cursor = fs::read_to_string(place.join("cursor.json")).unwrap();
        assert!(!cursor.contains("good"), "{cursor}");
    }
    let hash = |machine: &FakeMachine| {
        let cursor = store::cursor(&machine.host()).unwrap();
        cursor.channels["apprise:phone"][0].address.clone()
    };
    let other = FakeMachine::new();
    other.addresses.replace("json://good\n".to_owned());
    other.scan(0);
    assert_ne!(hash(&machine), hash(&other));
    // Either copy of the key is enough.
    let before = hash(&machine);
    fs::remove_file(machine.host().events().join("address-key")).unwrap();
    machine.scan(1);
    assert_eq!(hash(&machine), before);
}

#[test]
fn one_event_that_is_refused_is_skipped_after_a_while_and_sent_later() {
    let machine = FakeMachine::new();
    machine.plan("poison");
    machine.scan(0);
    machine.refused.replace(Some("poison"));
    machine.ran(&failure("poison", 1));
    machine.scan(1);
    machine.ran(&record(Outcome::Failed, 1));
    let mut rounds = 0;
    while machine.scan(1).1.is_empty() {
        rounds += 1;
        assert!(rounds < 8, "the channel is blocked");
    }
    assert_eq!(machine.accepted(), [failed("cloud")]);
    // It is not forgotten: shown, and sent once it is accepted.
    assert_eq!(machine.scan(1), (1, vec![]));
    machine.refused.replace(None);
    machine.scan(1);
    assert_eq!(machine.accepted(), [failed("poison")]);
    assert_eq!(machine.scan(1), (0, vec![]));
}

#[test]
fn an_address_that_is_down_gets_everything_in_order_when_it_is_up_again() {
    let machine = FakeMachine::new();
    machine.scan(0);
    machine.hook_fails.replace(true);
    for number in 1..6 {
        machine.ran(&record(Outcome::Failed, number));
        machine.scan(1);
        machine.scan(1);
    }
    machine.hook_fails.replace(false);
    machine.ran(&record(Outcome::Success, 6));
    let mut expected = vec!["failed"; 5];
    expected.push("recovered");
    assert_eq!(machine.scan(1).1, expected);
}

#[test]
fn with_a_disk_that_cannot_be_written_every_event_is_sent_once() {
    let machine = FakeMachine::new();
    machine.scan(0);
    // Nothing can be written any more, but everything be read.
    for name in ["cursor.json.new", "events.json.new"] {
        fs::create_dir_all(machine.host().events().join(name).join("x")).unwrap();
    }
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1), (1, vec!["failed".to_owned()]));
    assert_eq!(machine.scan(1), (1, vec![]));
    let metrics = fs::read_to_string(machine.root.path().join("metrics.prom")).unwrap();
    assert!(metrics.contains("outcome=\"failed\"} 1"), "{metrics}");
    for name in ["cursor.json.new", "events.json.new"] {
        fs::remove_dir_all(machine.host().events().join(name)).unwrap();
    }
    machine.ran(&record(Outcome::Success, 2));
    assert_eq!(machine.scan(2), (0, vec!["recovered".to_owned()]));
    assert_eq!(machine.events().len(), 2);
}

#[test]
fn without_any_place_for_its_state_it_still_delivers() {
    let machine = FakeMachine::new();
    for place in [machine.host().events(), machine.host().monitor_runtime()] {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "").unwrap();
    }
    machine.ran(&record(Outcome::Failed, 1));
    assert_eq!(machine.scan(1), (1, vec!["failed".to_owned()]));
}

#[test]
fn a_damaged_file_is_set_aside_and_nothing_is_lost() {
    for name in ["cursor.json", "events.json"] {
        for damage in ["", "{", "[]", "\0\0\0\0", r#"{"version": 1}"#] {
            for rebooted in [false, true] {
                let machine = FakeMachine::new();
                machine.scan(0);
                machine.hook_fails.replace(true);
                machine.ran(&record(Outcome::Failed, 1));
                machine.scan(1);
                machine.hook_fails.replace(false);
                fs::write(machine.host().events().join(name), damage).unwrap();
                if rebooted {
                    fs::remove_dir_all(machine.host().monitor_runtime()).unwrap();
                }
                let (_, sent) = machine.scan(1);
                // What an unreadable file held is gone with the memory; that it was is sent.
                let gone = rebooted && name == "events.json";
                let expected = if gone { "unknown" } else { "failed" };
                let case = format!("{name} {damage:?} {rebooted}");
                assert!(sent.contains(&expected.to_owned()), "{case}: {sent:?}");
                assert_eq!(machine.scan(1), (0, vec![]), "{case}");
                let aside = machine.host().events().join(format!("{name}.unreadable"));
                if damage.starts_with('{') && damage.len() > 1 {
                    continue;
                }
                assert_eq!(fs::read_to_string(aside).unwrap(), damage);
            }
        }
    }
}

#[test]
fn files_of_a_newer_version_are_read_as_far_as_they_can_be() {
    let machine = FakeMachine::new();
    machine.plan("mail");
    machine.scan(0);
    machine.hook_fails.replace(true);
    machine.ran(&record(Outcome::Failed, 1));
    machine.scan(1);
    machine.hook_fails.replace(false);
    fs::remove_dir_all(machine.host().monitor_runtime()).unwrap();
    let events = machine.host().events();
    let edit = |name: &str, change: &dyn Fn(&mut Value)| {
        let path = events.join(name);
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        value["version"] = json!(9);
        change(&mut value);
        fs::write(path, value.to_string()).unwrap();
    };
    edit("events.json", &|value| {
        let mut other = value["events"][0].clone();
        other["id"] = json!(2);
        other["kind"] = json!("burnt-down");
        other["color"] = json!("red");
        value["events"].as_array_mut().unwrap().push(other);
    });
    edit("cursor.json", &|value| {
        value["lastEvent"] = json!(2);
        value["instances"]["mail"] = json!({ "another": "form" });
    });
    // The file of the newer version is kept for it.
    assert_eq!(machine.scan(1).1, ["failed", "unknown"]);
    assert!(events.join("events.json.unreadable").exists());
    assert_eq!(machine.scan(1), (0, vec![]));
}

#[test]
fn a_burst_is_summarised_and_none_of_it_is_lost() {
    let machine = FakeMachine::new();
    let names: Vec<String> = (0..220).map(|i| format!("i{i:03}")).collect();
    for name in &names {
        machine.plan(name);
    }
    machine.scan(0);
    for name in &names {
        machine.ran(&failure(name, 1));
    }
    machine.hook_fails.replace(true);
    machine.scan(1);
    // Not delivered, and so not trimmed.
    assert_eq!(machine.events().len(), 220);
    machine.hook_fails.replace(false);
    assert_eq!(machine.scan(1).1, ["summary"]);
    machine.ran(&record(Outcome::Failed, 2));
    assert_eq!(machine.scan(2).1, ["failed"]);
    assert_eq!(machine.events().len(), 200);
}

#[test]
fn a_summary_names_every_instance_with_its_last_event() {
    let machine = FakeMachine::new();
    let names: Vec<String> = (0..12).map(|i| format!("i{i:02}")).collect();
    for name in &names {
        machine.plan(name);
    }
    machine.addresses.replace("json://good\n".to_owned());
    machine.scan(0);
    for name in &names {
        machine.ran(&failure(name, 1));
    }
    machine.scan(1);
    assert_eq!(machine.inbox("json://good"), ["12 events about backups"]);
}

#[test]
fn a_summary_hides_no_trouble_behind_another() {
    let machine = FakeMachine::new();
    machine.scan(0);
    machine.hook_fails.replace(true);
    machine.ran(&Record {
        cleanup_failed: true,
        ..record(Outcome::Success, 1)
    });
    machine.scan(1);
    fs::write(machine.host().instance("cloud").last_results(), "7").unwrap();
    machine.scan(1);
    for number in 2..13 {
        machine.ran(&Record {
            cleanup_failed: true,
            ..record(Outcome::Failed, number)
        });
    }
    machine.scan(13);
    machine.hook_fails.replace(false);
    machine.forget_sent();
    assert_eq!(machine.scan(13).1, ["summary"]);
    let text = machine.last_message();
    for trouble in [
        "Cleanup after the backup of cloud failed",
        "State of the backup of cloud cannot be read",
        "Backup of cloud failed",
    ] {
        assert!(text.contains(trouble), "{text}");
    }
}

#[test]
fn killed_at_any_time_it_sends_each_event_at_least_once_and_repeats_one_at_most() {
    let mut died = 0;
    for calls in 0.. {
        let machine = FakeMachine::new();
        machine.plan("mail");
        machine.scan(0);
        machine.ran(&failure("cloud", 1));
        machine.ran(&failure("mail", 1));
        machine.forget_sent();
        let killed = machine.scan_and_die(1, calls);
        let mut sent = machine.accepted();
        machine.scan(1);
        sent.extend(machine.accepted());
        sent.dedup();
        assert_eq!(
            sent,
            [failed("cloud"), failed("mail")],
            "after {calls} calls"
        );
        if !killed {
            break;
        }
        died += 1;
    }
    assert!(died > 6, "{died}");
}

#[test]
fn a_test_reaches_every_address_and_says_which_took_it() {
    let machine = FakeMachine::new();
    machine
        .addresses
        .replace("json://bad\njson://good\n".to_owned());
    machine.pings.replace(true);
    machine.scan(0);
    machine.forget_sent();
    let report = machine.test_channels(None).unwrap();
    let results: Vec<(&str, bool)> = report
        .addresses
        .iter()
        .map(|one| (one.address.as_str(), one.error.is_none()))
        .collect();
    let expected = [
        ("apprise:phone, address 1", false),
        ("apprise:phone, address 2", true),
        ("ping:all", true),
        ("hook:x", true),
    ];
    assert_eq!(results, expected);
    assert_eq!(
        machine.inbox("json://good"),
        ["Test of backup notifications"]
    );
    assert_eq!(machine.accepted(), [("test".to_owned(), String::new())]);
    // A failure has been tried; then it hears the truth again.
    assert_eq!(machine.pinged_well(), Some(false));
    machine.scan(0);
    assert_eq!(machine.pinged_well(), Some(true));
    assert_eq!(machine.test_channels(Some("x")).unwrap().addresses.len(), 1);
    let error = machine.test_channels(Some("y")).unwrap_err().to_string();
    assert!(
        error.contains("choose one of: apprise:phone, ping:all, hook:x")
            || error.contains("Choose one of: apprise:phone, ping:all, hook:x"),
        "{error}"
    );
}
