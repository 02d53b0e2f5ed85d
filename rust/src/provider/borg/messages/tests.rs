use super::*;
use crate::base::owners::Owners;

fn said(line: &str) -> Said {
    match parse(line.as_bytes()) {
        Some(Message::Words(said)) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn real_progress_is_understood() {
    let line = br#"{"original_size": 273070754, "compressed_size": 273074925, "deduplicated_size": 273074925, "nfiles": 7, "path": "tmp/w/src/big", "time": 1795235754.5017095, "type": "archive_progress", "finished": false}"#;
    let Some(Message::ArchiveProgress(counted)) = parse(line) else {
        panic!("no progress")
    };
    let progress = counted.progress().unwrap();
    assert_eq!((progress.bytes_done, progress.files_done), (273_070_754, 7));
    assert_eq!((progress.bytes_total, progress.files_total), (0, 0));

    let line = br#"{"time": 1795235625.0451312, "type": "archive_progress", "finished": true}"#;
    let Some(Message::ArchiveProgress(counted)) = parse(line) else {
        panic!("no progress")
    };
    assert_eq!(counted.progress(), None);

    let line = br#"{"message": " 50.0% Extracting: src/x", "current": 3, "total": 6, "info": ["src/x"], "operation": 1, "msgid": "extract", "type": "progress_percent", "finished": false, "time": 1795235626.8}"#;
    let Some(Message::ProgressPercent(percent)) = parse(line) else {
        panic!("no progress")
    };
    assert!((percent.progress().unwrap().fraction - 0.5).abs() < 1e-9);

    for line in [
        &br#"{"operation": 1, "msgid": "extract", "type": "progress_percent", "finished": true, "time": 1.0}"#[..],
        br#"{"message": "Calculating", "current": 0, "total": 0, "info": null, "operation": 1, "msgid": "extract", "type": "progress_percent", "finished": false, "time": 1.0}"#,
        br#"{"message": "Setting directory permissions  50%", "current": 1, "total": 2, "operation": 2, "msgid": "extract.permissions", "type": "progress_percent", "finished": false, "time": 1.0}"#,
    ] {
        let Some(Message::ProgressPercent(percent)) = parse(line) else {
            panic!("no progress")
        };
        assert_eq!(percent.progress(), None);
    }
}

#[test]
fn real_words_are_understood() {
    let unread = said(
        r#"{"type": "log_message", "time": 1795235625.0, "message": "/tmp/w/src/secret: open: [Errno 13] Permission denied: 'secret'", "levelname": "WARNING", "name": "borg.archiver", "msgid": "BackupPermissionError"}"#,
    );
    assert!(unread.is_about_an_item() && !unread.is_error());
    let changed = said(
        r#"{"type": "log_message", "message": "/x: file changed while we backed it up", "levelname": "WARNING", "name": "borg.archiver", "msgid": "FileChangedWarning"}"#,
    );
    assert!(changed.is_about_an_item());
    let lock = said(
        r#"{"type": "log_message", "time": 1795235629.17, "message": "Killed stale lock x.99999-0.", "levelname": "WARNING", "name": "borg.locking"}"#,
    );
    assert!(!lock.is_about_an_item() && !lock.is_error());
    let missing = said(
        r#"{"type": "log_message", "time": 1.0, "message": "Repository /tmp/w/none does not exist.", "levelname": "ERROR", "name": "borg.archiver", "msgid": "Repository.DoesNotExist"}"#,
    );
    assert!(missing.is_error());
    assert_eq!(missing.text(), "Repository /tmp/w/none does not exist.");
}

#[test]
fn of_an_exception_the_last_line_is_told() {
    let announced = said(
        r#"{"type": "log_message", "time": 1.0, "message": "Local Exception", "levelname": "ERROR", "name": "borg.archiver", "msgid": "Exception"}"#,
    );
    assert!(announced.announces_exception());
    let traceback = said(
        r#"{"type": "log_message", "time": 1.0, "message": "Traceback (most recent call last):\n  File \"/usr/lib/python3/dist-packages/borg/platform/base.py\", line 174, in write\n    self.f.write(data)\nOSError: [Errno 28] No space left on device\n\nPlatform: Linux vm 6.18\nLinux: Unknown Linux\nsys.argv: ['/usr/bin/borg']\n", "levelname": "ERROR", "name": "borg.archiver"}"#,
    );
    assert_eq!(
        traceback.text(),
        "OSError: [Errno 28] No space left on device"
    );
}

#[test]
fn lines_between_are_no_messages() {
    for line in [
        &b"cat: /run/credentials/x/password: No such file or directory"[..],
        b"",
        b"Exception ignored in: <function Repository.__del__ at 0x7f03202cd1c0>",
        b"{\"type\":",
        b"\xff\xfe",
        b"{}",
        b"[]",
    ] {
        assert_eq!(parse(line), None);
    }
    let question = br#"{"type": "question_prompt", "msgid": "BORG_RELOCATED_REPO_ACCESS_IS_OK", "message": "Warning"}"#;
    assert_eq!(parse(question), Some(Message::Other));
}

#[test]
fn real_results_are_understood() {
    let created: Created = serde_json::from_str(
        r#"{"archive": {"command_line": ["/usr/bin/borg"], "duration": 0.002, "end": "2026-11-21T04:33:45.000000", "id": "fe8f", "limits": {"max_archive_size": 2.5e-05}, "name": "x-1", "start": "2026-11-21T04:33:45.000000", "stats": {"compressed_size": 578, "deduplicated_size": 578, "nfiles": 1, "original_size": 550}}, "cache": {}, "encryption": {"mode": "repokey-blake2"}, "repository": {"id": "71", "last_modified": "2026-11-21T04:33:45.000000", "location": "/srv"}}"#,
    )
    .unwrap();
    assert_eq!(
        (created.archive.id.as_str(), created.repository.id.as_str()),
        ("fe8f", "71")
    );
    let totals = Totals {
        files: 1,
        bytes: 550,
        bytes_added: 578,
    };
    assert_eq!(created.archive.totals(), totals);

    let list: List = serde_json::from_str(
        r#"{"archives": [{"archive": "x-1", "barchive": "x-1", "comment": "[\"/tmp/{a}\"]", "id": "fe8f", "name": "x-1", "start": "2026-11-21T04:33:45.000000", "time": "2026-11-21T04:33:45.000000"}, {"comment": "mine", "id": "ab", "name": "y"}], "repository": {"id": "71"}}"#,
    )
    .unwrap();
    let paths = [PathBuf::from("/tmp/{a}")];
    assert_eq!(list.archives[0].paths(), paths);
    assert!(list.archives[1].paths().is_empty());
    assert_eq!(comment(&paths).unwrap(), r#"["/tmp/{{a}}"]"#);
}

#[test]
fn compact_tells_in_words_what_it_freed() {
    let freed = super::freed;
    assert_eq!(
        freed("compaction freed about 3.01 MB repository space."),
        Some(3_010_000)
    );
    assert_eq!(
        freed("compaction freed about 0 B repository space."),
        Some(0)
    );
    assert_eq!(freed("something else"), None);
}

#[test]
fn owners_of_what_is_listed_twice_count_once() {
    let text = b"5 1 2 home/a b\0\
        0 0 0 home/mounted\0\
        0 7 8 home/mounted\0\
        3 7 8 home/mounted/\xff\n\0";
    let contents = contents(text).unwrap();
    let mut owners = Owners::default();
    owners.add(1, 2);
    owners.add(7, 8);
    owners.add(7, 8);
    assert_eq!((contents.bytes, contents.owners), (8, owners));
    assert_eq!(super::contents(b""), Some(Contents::default()));
    assert_eq!(super::contents(b"5 None 2 x\0"), None);
    assert_eq!(super::contents(b"error"), None);
}

#[test]
fn the_reason_names_no_file_but_those_of_the_repository() {
    let denied = "PermissionError: [Errno 13] Permission denied";
    for (error, repository, expected) in [
        (
            format!("{denied}: '/srv/x/r'"),
            "ssh://u@h:22/srv/x/r",
            Some("Permission denied: /srv/x/r"),
        ),
        (
            format!("{denied}: '/srv'"),
            "/srv/x/r",
            Some("Permission denied: /srv"),
        ),
        (
            format!("{denied}: '/srv/x/r/data/0'"),
            "/srv/x/r",
            Some("Permission denied: /srv/x/r/data/0"),
        ),
        (
            format!("{denied}: '/home/letter'"),
            "/srv/x/r",
            Some("Permission denied"),
        ),
        (
            format!("{denied}: '/srv/x/r' -> '/home/letter'"),
            "/srv/x/r",
            Some("Permission denied"),
        ),
        (
            "OSError: [Errno 5] Input/output error".into(),
            "/srv",
            Some("Input/output error"),
        ),
        ("OSError: [Errno 5] \"/home/letter\"".into(), "/srv", None),
        ("ValueError: /home/letter".into(), "/srv", None),
    ] {
        assert_eq!(reason(&error, repository).as_deref(), expected, "{error}");
    }
}

#[test]
fn a_list_of_versions_is_no_error() {
    for (message, expected) in [
        (
            "Borg server: Platform: Linux x\nBorg server: Borg: 1.4.0",
            true,
        ),
        ("Platform: Linux x\nBorg: 1.4.0", true),
        ("Repository /srv/Platform: does not exist.", false),
    ] {
        let said = Said {
            message: message.to_owned(),
            ..Said::default()
        };
        assert_eq!(said.is_about_versions(), expected, "{message}");
    }
}
