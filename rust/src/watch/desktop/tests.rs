use super::*;
use crate::watch::events::EventKind;

/// Events with titles of the form `<id> <instance> <kind>`, one second apart.
fn events(kinds: &[(&str, EventKind)]) -> Vec<Event> {
    let numbered = (1_u32..).zip(kinds);
    numbered
        .map(|(id, (instance, kind))| Event {
            id: id.into(),
            time: Timestamp::from_second(id.into()).unwrap(),
            kind: *kind,
            instance: (*instance).to_owned(),
            title: format!("{id} {instance} {}", kind.as_str()),
            message: String::new(),
            remedy: None,
            details_command: String::new(),
            record: None,
        })
        .collect()
}

fn titles(kinds: &[(&str, EventKind)], shown: u32) -> Vec<String> {
    let shown = LastShown {
        id: shown.into(),
        time: Timestamp::from_second(shown.into()).unwrap(),
    };
    select(&events(kinds), &shown)
        .into_iter()
        .map(|note| note.title)
        .collect()
}

#[test]
fn a_recovery_is_shown_only_if_the_failure_was() {
    let all = [
        ("a", EventKind::Failed),
        ("a", EventKind::Failed),
        ("a", EventKind::Recovered),
    ];
    assert!(titles(&all, 0).is_empty());
    assert_eq!(titles(&all, 1), ["3 a recovered"]);
    assert_eq!(titles(&all[..2], 0), ["2 a failed"]);
    assert!(titles(&all, 3).is_empty());
}

#[test]
fn a_matter_does_not_hide_another() {
    let all = [
        ("a", EventKind::MaintenanceFailed),
        ("b", EventKind::Failed),
        ("a", EventKind::CleanupFailed),
        ("a", EventKind::Recovered),
    ];
    assert_eq!(
        titles(&all, 0),
        ["1 a maintenance-failed", "2 b failed", "3 a cleanup-failed"]
    );
}

#[test]
fn good_news_of_one_matter_hides_no_failure_of_another() {
    let all = [
        ("a", EventKind::CleanupFailed),
        ("a", EventKind::Failed),
        ("a", EventKind::CleanedUp),
        ("b", EventKind::Failed),
        ("b", EventKind::InTime),
    ];
    assert_eq!(
        titles(&all, 1),
        ["2 a failed", "3 a cleaned-up", "4 b failed"]
    );
    // A success is the end of two.
    let all = [
        ("a", EventKind::Failed),
        ("a", EventKind::Overdue),
        ("a", EventKind::Recovered),
    ];
    assert_eq!(titles(&all, 2), ["3 a recovered"]);
    assert!(titles(&all, 0).is_empty());
}

#[test]
fn the_number_of_notifications_is_limited() {
    let names: Vec<String> = (0..20).map(|i| format!("i{i}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), EventKind::Overdue))
        .collect();
    let titles = titles(&all, 0);
    assert_eq!(titles.len(), MAX_NOTES + 1);
    assert_eq!(
        titles.last().unwrap(),
        "15 more notifications about backups"
    );
}

#[test]
fn events_with_restarted_ids_are_new() {
    let shown = LastShown {
        id: 90,
        time: Timestamp::from_second(0).unwrap(),
    };
    assert_eq!(
        select(&events(&[("a", EventKind::Failed)]), &shown).len(),
        1
    );
}

#[test]
fn a_damaged_note_of_what_was_shown_silences_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shown.json");
    for damage in ["", "{", "\0\0", r#"{"id": "7"}"#] {
        std::fs::write(&file, damage).unwrap();
        assert_eq!(read(&file).unwrap(), LastShown::default());
    }
}

#[test]
fn only_a_missing_server_is_waited_for() {
    let missing = zbus::fdo::Error::ServiceUnknown(String::new());
    assert!(is_missing(&zbus::Error::FDO(Box::new(missing))));
    let refused = zbus::fdo::Error::LimitsExceeded(String::new());
    assert!(!is_missing(&zbus::Error::FDO(Box::new(refused))));
}
