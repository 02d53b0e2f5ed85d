use super::*;

fn holder(root: &Path) -> Holder {
    Holder::new(root, "repository", "app", "here").unwrap()
}

fn shell(script: &str) -> Command {
    Command {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        ..Command::default()
    }
}

/// Runs a script that prints its process id.
fn run(holder: &Holder, script: &str) -> u32 {
    let mut pid = None;
    let command = shell(&format!("echo $$; {script}"));
    let mut goes_on = |line: Option<Line>| {
        if let Some(Line::Out(text)) = line {
            pid = String::from_utf8(text).unwrap().parse().ok();
        }
        true
    };
    holder.run(command, &Cancel::never(), &mut goes_on).unwrap();
    pid.unwrap()
}

fn files(root: &Path) -> usize {
    fs::read_dir(root.join("repository")).unwrap().count()
}

fn holding(holder: &Holder, pid: u32, time: Timestamp) -> Holding {
    holder.holding(&node_name(), pid, time).unwrap()
}

#[test]
fn what_ended_well_leaves_no_note() {
    let root = tempfile::tempdir().unwrap();
    let first = holder(root.path());
    assert_eq!(
        files(root.path()),
        0,
        "nothing is noted before it is needed"
    );
    run(&first, "exit 0");
    assert_eq!(files(root.path()), 2);
    drop(first);
    assert_eq!(files(root.path()), 0);
}

#[test]
fn a_process_holds_the_note_and_reads_nothing_from_it() {
    let root = tempfile::tempdir().unwrap();
    let holder = holder(root.path());
    let own = holder.own().unwrap().file.with_extension("lock");
    let own = root
        .path()
        .join("repository")
        .join(own.file_name().unwrap());
    run(
        &holder,
        &format!(
            "read x && exit 1; test /proc/self/fd/0 -ef {}",
            own.display()
        ),
    );
    drop(holder);
    assert_eq!(files(root.path()), 0, "it was so");
}

#[test]
fn a_killed_process_is_known_until_it_is_proved_that_it_left_nothing() {
    let root = tempfile::tempdir().unwrap();
    let first = holder(root.path());
    let other = Holder::new(root.path(), "repository", "other", "here").unwrap();
    let before = Timestamp::now();
    // It is noted while it runs.
    let pid = run(
        &first,
        &format!(
            "until grep -q '\"pid\":'$$, {}/*.json; do :; done; kill -KILL $$",
            root.path().join("repository").display()
        ),
    );
    let after = Timestamp::now();
    let note = first.own().unwrap().note.clone();
    let started = note.processes[0].started;
    assert!(before <= started && note.processes[0].ended.unwrap() <= after);
    assert_eq!(holding(&first, pid, started), Holding::Gone);
    for (pid, time) in [(pid, before), (pid, after), (pid + 1, started)] {
        assert_eq!(holding(&first, pid, time), Holding::Unknown);
    }
    let elsewhere = first.holding("elsewhere", pid, started);
    assert_eq!(elsewhere.unwrap(), Holding::Unknown);
    assert_eq!(holding(&other, pid, started), Holding::Alive);
    assert!(other.gone().unwrap().is_empty());

    drop(first);
    assert_eq!(holding(&other, pid, started), Holding::Gone);
    assert_eq!(other.gone().unwrap().len(), 1);
    assert_ne!(other.owner().unwrap(), note.owner);

    let next = holder(root.path());
    assert_eq!(next.owner().unwrap(), note.owner);
    run(&next, "exit 0");
    assert_eq!(holding(&next, pid, started), Holding::Gone);
    next.left_nothing();
    assert_eq!(holding(&next, pid, started), Holding::Unknown);
    drop((next, other));
    assert_eq!(files(root.path()), 0);
}

#[test]
fn a_note_that_cannot_be_read_proves_nothing() {
    let root = tempfile::tempdir().unwrap();
    for text in [
        "{",
        r#"{"version":2,"instance":"app","owner":"x","processes":[]}"#,
        // borg makes and removes a file of this name.
        r#"{"version":1,"instance":"app","owner":"../x","processes":[]}"#,
    ] {
        fs::create_dir_all(root.path().join("repository")).unwrap();
        fs::write(root.path().join("repository/0123.json"), text).unwrap();
        let next = holder(root.path());
        assert!(!next.owner().unwrap().ends_with('x'));
        assert!(next.gone().unwrap().is_empty());
        assert_eq!(holding(&next, 1, Timestamp::now()), Holding::Unknown);
    }
}

#[test]
fn a_link_in_the_place_of_the_notes_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let (notes, victim) = (root.path().join("notes"), root.path().join("victim"));
    fs::create_dir(&notes).unwrap();
    fs::create_dir(&victim).unwrap();
    std::os::unix::fs::symlink(&victim, notes.join("repository")).unwrap();
    Holder::new(&notes, "repository", "app", "here").unwrap_err();

    // Nor is one that takes its place later.
    fs::remove_file(notes.join("repository")).unwrap();
    let holder = holder(&notes);
    fs::rename(notes.join("repository"), notes.join("moved")).unwrap();
    std::os::unix::fs::symlink(&victim, notes.join("repository")).unwrap();
    run(&holder, "exit 1");
    drop(holder);
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    assert_eq!(fs::read_dir(notes.join("moved")).unwrap().count(), 2);
}
