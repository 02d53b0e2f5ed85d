//! Looking into snapshots, over a connection as systemd makes it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::common::Machine;
use crate::common::real::{Program, back_up_source, machine, random, snapshots};
use backupservice::base::cancel::Cancel;
use backupservice::base::outcome::{Failure, FailureKind};
use backupservice::client::Reader;
use backupservice::client::browse::print_answer;
use backupservice::provider;
use backupservice::run::browse;
use backupservice::run::browse::wire::{self, Question, Request, VERSION, Wanted};
use backupservice::run::invocation::Invocation;

with_each_provider! {
    a_directory_is_listed_level_by_level
    odd_names_are_listed_and_dumped
    a_file_is_dumped_byte_for_byte
    only_files_are_dumped
    files_are_found_in_all_snapshots_the_newest_first
    what_differs_between_two_snapshots_is_told
    what_is_not_there_is_explained
    snapshots_of_another_host_are_read_when_asked_for
    many_files_are_listed_as_they_are_read
    a_reader_who_leaves_ends_the_reading
    a_reader_who_takes_nothing_holds_up_no_backup
    a_wrong_password_is_explained
}

fn latest() -> Wanted {
    Wanted {
        id: "latest".to_owned(),
        until: None,
    }
}

fn list(path: Option<&Path>, recursive: bool) -> Question {
    Question::List {
        snapshot: latest(),
        path: path.map(|path| path.to_owned().into()),
        recursive,
    }
}

fn dump(path: &Path) -> Question {
    Question::Dump {
        snapshot: latest(),
        path: path.to_owned().into(),
    }
}

fn find(pattern: &str) -> Question {
    Question::Find {
        pattern: pattern.to_owned(),
        snapshot: None,
    }
}

/// Lets the unit of the machine answer what comes over this connection.
fn serve(machine: &Machine, connection: &UnixStream) {
    serve_for(machine, connection, browse::STALLED);
}

fn serve_for(machine: &Machine, connection: &UnixStream, stalled: Duration) {
    let cancel = Cancel::default();
    let invocation = Invocation {
        cancel: &cancel,
        ..machine.invocation(&provider::open)
    };
    browse::run(&machine.parsed_plan(), &invocation, connection, stalled).unwrap();
}

/// The answer, as a program gets it.
fn ask_as(machine: &Machine, host: Option<&str>, question: Question) -> Result<Vec<u8>, Failure> {
    let (reader, unit) = UnixStream::pair().unwrap();
    let request = Request {
        version: VERSION,
        host: host.map(ToOwned::to_owned),
        question,
    };
    let client = thread::spawn(move || {
        let mut out = Vec::new();
        print_answer(&request, reader, Reader::Program, &mut out).map(|()| out)
    });
    serve(machine, &unit);
    client.join().unwrap()
}

fn ask(machine: &Machine, question: Question) -> Result<Vec<u8>, Failure> {
    ask_as(machine, None, question)
}

fn lines(answer: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(answer).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Paths of an answer below the source, sorted.
fn paths(machine: &Machine, answer: &[u8]) -> Vec<String> {
    let source = machine.source();
    let mut paths: Vec<String> = lines(answer)
        .iter()
        .map(|line| line["path"].as_str().unwrap())
        .map(|path| {
            path.strip_prefix(source.to_str().unwrap())
                .unwrap()
                .to_owned()
        })
        .collect();
    paths.sort();
    paths
}

fn a_directory_is_listed_level_by_level(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("a/b/deep"), "12345").unwrap();
    fs::set_permissions(source.join("a/b/deep"), Permissions::from_mode(0o4640)).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = fs::File::options()
        .write(true)
        .open(source.join("a/b/deep"));
    file.unwrap().set_modified(time).unwrap();
    symlink("a", source.join("link")).unwrap();
    // Not below the directory `a`.
    fs::write(source.join("ab"), "").unwrap();
    let snapshot = back_up_source(&machine).unwrap();

    let answer = |path: &str, recursive| {
        let path = source.join(path);
        paths(
            &machine,
            &ask(&machine, list(Some(&path), recursive)).unwrap(),
        )
    };
    assert_eq!(answer("", false), ["/a", "/ab", "/file", "/link"]);
    assert_eq!(answer("a", false), ["/a/b"]);
    assert_eq!(answer("a", true), ["/a/b", "/a/b/deep"]);
    assert_eq!(answer("ab", false), ["/ab"]);
    assert_eq!(
        answer("", true),
        ["/a", "/a/b", "/a/b/deep", "/ab", "/file", "/link"]
    );
    let all = ask(&machine, list(None, false)).unwrap();
    assert_eq!(paths(&machine, &all), [""], "what was backed up");
    assert_eq!(lines(&all)[0]["type"], "directory");
    let all = ask(&machine, list(None, true)).unwrap();
    assert_eq!(paths(&machine, &all).len(), 7);

    let deep = ask(&machine, list(Some(&source.join("a/b/deep")), false)).unwrap();
    let deep = &lines(&deep)[0];
    let expected = serde_json::json!({
        "snapshot": snapshot,
        "snapshotTime": snapshots(&machine)[0].time,
        "path": source.join("a/b/deep"),
        "type": "file",
        "mode": "-rwSr-----",
        "uid": rustix::process::geteuid().as_raw(),
        "gid": rustix::process::getegid().as_raw(),
        "size": 5,
        "modified": "2001-09-09T01:46:40Z",
    });
    assert_eq!(deep, &expected);
    let link = ask(&machine, list(Some(&source.join("link")), false)).unwrap();
    assert_eq!(lines(&link)[0]["type"], "symlink");
    assert_eq!(lines(&link)[0]["mode"], "lrwxrwxrwx");
    assert_eq!(lines(&link)[0]["size"], Value::Null);
}

fn odd_names_are_listed_and_dumped(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let odd = machine.source().join(OsStr::from_bytes(b"-r \xff[d]"));
    fs::create_dir(&odd).unwrap();
    let names = [
        &b" two  spaces "[..],
        b"-rf",
        b"new\nline",
        b"\"it's\"\\n\t\x1b[2J",
        b"we[i]r*d?{}",
        b"caf\xe9",
        "caf\u{e9} \u{1f600}".as_bytes(),
    ];
    for name in names {
        fs::write(odd.join(OsStr::from_bytes(name)), name).unwrap();
    }
    back_up_source(&machine).unwrap();

    let mut expected: Vec<String> = names
        .iter()
        .map(|name| match *name {
            b"caf\xe9" => "caf\u{fffd}".to_owned(),
            name => String::from_utf8(name.to_vec()).unwrap(),
        })
        .map(|name| format!("/-r \u{fffd}[d]/{name}"))
        .collect();
    expected.sort();
    let answer = ask(&machine, list(Some(&odd), false)).unwrap();
    assert_eq!(paths(&machine, &answer), expected);
    for name in [names[2], names[4], names[5]] {
        let file = odd.join(OsStr::from_bytes(name));
        assert_eq!(
            ask(&machine, dump(&file)).unwrap(),
            name,
            "{}",
            file.display()
        );
    }
    let found = ask(&machine, find("we\\[i\\]r\\*d\\?*")).unwrap();
    assert_eq!(lines(&found).len(), 1);
}

fn a_file_is_dumped_byte_for_byte(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    let bytes = random(9_000_000);
    fs::write(source.join("big"), &bytes).unwrap();
    fs::write(source.join("empty"), "").unwrap();
    fs::hard_link(source.join("big"), source.join("another name")).unwrap();
    back_up_source(&machine).unwrap();
    fs::remove_file(source.join("big")).unwrap();

    for (name, content) in [
        ("big", &bytes[..]),
        ("another name", &bytes),
        ("empty", b""),
    ] {
        let dumped = ask(&machine, dump(&source.join(name))).unwrap();
        assert!(dumped == content, "{name}: {} bytes", dumped.len());
    }
}

fn only_files_are_dumped(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    symlink("file", source.join("link")).unwrap();
    back_up_source(&machine).unwrap();
    for name in ["", "link"] {
        let problem = ask(&machine, dump(&source.join(name))).unwrap_err().problem;
        assert!(
            problem.message.contains("is not a regular file"),
            "{problem}"
        );
        assert!(
            problem
                .remedy
                .unwrap()
                .contains("backupservice restore app")
        );
    }
    let problem = ask(&machine, dump(&source.join("gone")))
        .unwrap_err()
        .problem;
    assert!(problem.message.contains("does not hold"), "{problem}");
    assert!(
        problem
            .remedy
            .unwrap()
            .contains("backupservice find app 'gone'")
    );
}

fn files_are_found_in_all_snapshots_the_newest_first(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::create_dir(source.join("config")).unwrap();
    fs::write(source.join("config/a.php"), "1").unwrap();
    let first = back_up_source(&machine).unwrap();
    fs::write(source.join("config/a.php"), "22").unwrap();
    fs::write(source.join("b.php"), "").unwrap();
    let second = back_up_source(&machine).unwrap();

    let found = |pattern: &str| -> Vec<(String, String)> {
        let answer = ask(&machine, find(pattern)).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut found: Vec<_> = lines(&answer)
            .iter()
            .map(|line| (text(&line["snapshot"]), text(&line["path"])))
            .collect();
        assert!(found.is_sorted_by_key(|(snapshot, _)| *snapshot == first));
        found.sort_by_key(|(snapshot, path)| (*snapshot == first, path.clone()));
        found
    };
    let path = |name: &str| source.join(name).to_str().unwrap().to_owned();
    let all = [
        (second.clone(), path("b.php")),
        (second.clone(), path("config/a.php")),
        (first.clone(), path("config/a.php")),
    ];
    assert_eq!(found("*.php"), all);
    assert_eq!(found("a.php"), all[1..]);
    assert_eq!(found(&format!("{}/**/a.*", source.display())), all[1..]);
    assert_eq!(found("b*").len(), 1);
    let only = Question::Find {
        pattern: "*.php".to_owned(),
        snapshot: Some(Wanted {
            id: first[..8].to_owned(),
            until: None,
        }),
    };
    let only = lines(&ask(&machine, only).unwrap());
    assert_eq!((only.len(), &only[0]["size"]), (1, &Value::from(1)));
    let until = Question::Find {
        pattern: "*.php".to_owned(),
        snapshot: Some(Wanted {
            id: "latest".to_owned(),
            until: Some(snapshots(&machine)[0].time),
        }),
    };
    assert_eq!(lines(&ask(&machine, until).unwrap()), only);

    let problem = ask(&machine, find("*.txt")).unwrap_err().problem;
    assert!(
        problem.message.contains("any of the 2 snapshots of app"),
        "{problem}"
    );
    let problem = ask(&machine, find("[a")).unwrap_err().problem;
    assert!(
        problem.message.starts_with("the pattern \"[a\" has a `[`"),
        "{problem}"
    );
}

fn what_differs_between_two_snapshots_is_told(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::create_dir_all(source.join("gone/below")).unwrap();
    for name in [
        "same",
        "changed",
        "chmod",
        "becomes a directory",
        "gone/below/-x",
    ] {
        fs::write(source.join(name), name).unwrap();
    }
    let first = back_up_source(&machine).unwrap();
    fs::write(source.join("changed"), "now").unwrap();
    fs::set_permissions(source.join("chmod"), Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(source.join("becomes a directory")).unwrap();
    fs::create_dir(source.join("becomes a directory")).unwrap();
    fs::remove_dir_all(source.join("gone")).unwrap();
    fs::write(source.join("new\nname"), "").unwrap();
    let second = back_up_source(&machine).unwrap();

    let diff = |from: &str, to: &str| -> Vec<String> {
        let wanted = |id: &str| Wanted {
            id: id.to_owned(),
            until: None,
        };
        let question = Question::Diff {
            from: wanted(from),
            to: wanted(to),
        };
        let answer = ask(&machine, question).unwrap();
        let mut changes: Vec<String> = lines(&answer)
            .iter()
            .map(|line| {
                let path = line["path"].as_str().unwrap();
                let path = path.strip_prefix(source.to_str().unwrap()).unwrap();
                format!("{} {path}", line["change"].as_str().unwrap())
            })
            .collect();
        changes.sort();
        changes
    };
    assert_eq!(
        diff(&first, &second),
        [
            "added /new\nname",
            "modified /changed",
            "removed /gone",
            "removed /gone/below",
            "removed /gone/below/-x",
            "retyped /becomes a directory",
        ]
    );
    assert_eq!(diff("latest", &second), [""; 0]);
    assert!(diff(&second, &first).contains(&"added /gone/below/-x".to_owned()));
}

fn what_is_not_there_is_explained(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let problem = ask(&machine, list(None, false)).unwrap_err().problem;
    assert!(problem.message.contains("no snapshot of app"), "{problem}");
    back_up_source(&machine).unwrap();

    let problem = ask(&machine, list(Some(Path::new("/srv")), false))
        .unwrap_err()
        .problem;
    assert!(problem.message.ends_with("does not hold /srv"), "{problem}");
    let remedy = problem.remedy.unwrap();
    assert!(
        remedy.contains(machine.source().to_str().unwrap()),
        "{remedy}"
    );
    let missing = machine.source().join("confg");
    let problem = ask(&machine, list(Some(&missing), true))
        .unwrap_err()
        .problem;
    assert!(problem.message.ends_with("srv/data/confg"), "{problem}");
    assert!(
        problem
            .remedy
            .unwrap()
            .contains("backupservice find app 'confg'")
    );
    let unknown = Question::List {
        snapshot: Wanted {
            id: "zz".to_owned(),
            until: None,
        },
        path: None,
        recursive: false,
    };
    let problem = ask(&machine, unknown).unwrap_err().problem;
    assert!(
        problem.message.contains("app has no snapshot \"zz\""),
        "{problem}"
    );
    assert!(
        problem
            .remedy
            .unwrap()
            .contains("backupservice snapshots app")
    );
}

fn snapshots_of_another_host_are_read_when_asked_for(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    machine.plan["host"] = "old".into();
    back_up_source(&machine).unwrap();
    machine.plan["host"] = "new".into();
    let file = machine.source().join("file");
    assert!(ask(&machine, dump(&file)).is_err());
    assert_eq!(
        ask_as(&machine, Some("old"), dump(&file)).unwrap(),
        b"content"
    );
}

fn many_files_are_listed_as_they_are_read(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    for number in 0..20_000 {
        fs::write(machine.source().join(format!("file {number}")), "").unwrap();
    }
    back_up_source(&machine).unwrap();
    let listed = ask(&machine, list(Some(&machine.source()), false)).unwrap();
    assert_eq!(paths(&machine, &listed).len(), 20_001);
    let found = ask(&machine, find("file 1999?")).unwrap();
    assert_eq!(paths(&machine, &found).len(), 10);
}

fn a_reader_who_leaves_ends_the_reading(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let file = machine.source().join("big");
    fs::write(&file, random(30_000_000)).unwrap();
    back_up_source(&machine).unwrap();
    let (mut reader, unit) = UnixStream::pair().unwrap();
    let request = Request {
        version: VERSION,
        host: None,
        question: dump(&file),
    };
    let client = thread::spawn(move || {
        request.send(&mut reader).unwrap();
        let mut some = [0; 1000];
        reader.read_exact(&mut some).unwrap();
    });
    // More than fits between the two: it ends only because the reader is gone.
    serve(&machine, &unit);
    client.join().unwrap();
    assert!(!machine.path("repository/lock.exclusive").exists());
    let content = ask(&machine, dump(&machine.source().join("file")));
    assert_eq!(content.unwrap(), b"content");
}

fn a_reader_who_takes_nothing_holds_up_no_backup(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let file = machine.source().join("big");
    fs::write(&file, random(10_000_000)).unwrap();
    back_up_source(&machine).unwrap();
    let (mut reader, unit) = UnixStream::pair().unwrap();
    let request = Request {
        version: VERSION,
        host: None,
        question: dump(&file),
    };
    request.send(&mut reader).unwrap();
    serve_for(&machine, &unit, Duration::from_millis(100));
    assert!(!machine.path("repository/lock.exclusive").exists());
    // What it finds later has no end.
    let failure = loop {
        match wire::receive(&mut reader) {
            Ok(Some(data)) => assert!(data.len() < 10_000_000),
            Ok(None) => panic!("the answer is complete"),
            Err(failure) => break failure,
        }
    };
    let message = failure.problem.message;
    assert_eq!(message, "the answer ends in the middle");
}

fn a_wrong_password_is_explained(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    back_up_source(&machine).unwrap();
    fs::write(machine.path("credentials/password"), "another\n").unwrap();
    let failure = ask(&machine, list(None, false)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    let message = failure.problem.message;
    assert!(
        message.contains("the password does not open the repository"),
        "{message}"
    );
}

#[test]
fn whatever_else_is_sent_is_refused() {
    let machine = Machine::new();
    let (mut reader, unit) = UnixStream::pair().unwrap();
    reader.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    serve(&machine, &unit);
    let mut answer = Vec::new();
    reader.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.contains("the request cannot be understood"),
        "{answer}"
    );
}

#[test]
fn a_printer_that_takes_no_more_is_no_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (reader, mut unit) = UnixStream::pair().unwrap();
    wire::send(&mut unit, b"some").unwrap();
    let request = Request {
        version: VERSION,
        host: None,
        question: dump(&PathBuf::from("/x")),
    };
    print_answer(&request, reader, Reader::Person, &mut Full).unwrap();
}
