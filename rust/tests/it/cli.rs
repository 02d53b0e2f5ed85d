//! The program from outside: what it prints where, and how it exits.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::expect;

fn backupservice(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backupservice"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output, directory: &Path) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.replace(directory.to_str().unwrap(), "")
}

#[test]
fn a_wrong_command_line_exits_with_64_and_help_with_0() {
    for arguments in [
        &["backup"][..],
        &["run", "../x"],
        &["unit"],
        &["check-plan"],
    ] {
        let output = backupservice(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    for arguments in [&["--help"][..], &["--version"], &["restore", "--help"]] {
        assert_eq!(
            backupservice(arguments).status.code(),
            Some(0),
            "{arguments:?}"
        );
    }
}

#[test]
fn bad_plans_exit_with_78_and_a_line_for_each_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.json");
    std::fs::write(&path, "{ \"version\": 2 }").unwrap();
    let path = path.to_str().unwrap();
    let output = backupservice(&["check-plan", path]);
    assert_eq!(output.status.code(), Some(78));
    expect![[r#"
        /plan.json: version: is 2, but this executor understands version 1. Build the system and the executor from the same revision.
    "#]].assert_eq(&stderr(&output, directory.path()));
    let output = backupservice(&["unit", "prepare", "--plan", path]);
    assert_eq!(output.status.code(), Some(78));
    expect![[r#"
        error: /plan.json is not a plan
        version: is 2, but this executor understands version 1. Build the system and the executor from the same revision.
    "#]].assert_eq(&stderr(&output, directory.path()));
    let output = backupservice(&["check-plan", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn no_file_steers_the_terminal_that_shows_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.json");
    std::fs::write(&path, r#"{ "version": 1, "\u001b[2J\u0007": 1 }"#).unwrap();
    let path = path.to_str().unwrap();
    for arguments in [
        &["check-plan", path][..],
        &["unit", "prepare", "--plan", path],
    ] {
        let output = backupservice(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("[2J"), "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
}

#[test]
fn an_unknown_instance_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_str().unwrap();
    let output = backupservice(&["status", "nextcloud", "--root", root]);
    assert_eq!(output.status.code(), Some(1));
    expect![[r#"
        error: there is no instance `nextcloud`
        remedy: No instance is configured: define one in backupservice.instances
    "#]]
    .assert_eq(&stderr(&output, directory.path()));
    let output = backupservice(&["status", "--json", "--root", root]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"[]\n");
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_backupservice"))
        .args(["completions", "bash"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}
