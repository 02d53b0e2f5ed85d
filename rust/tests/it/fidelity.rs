//! What a snapshot keeps of files, and what a restore gives back, for every provider.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::common::real::{Program, back_up, machine, only, with};
use backupservice::base::outcome::FailureKind;
use backupservice::base::owners::Owners;

with_each_provider! {
    odd_names_and_modes_survive
    attributes_survive
    names_that_are_not_utf_8_survive
    one_file_can_be_restored
    the_space_that_is_needed_is_told
    owners_are_told
    what_a_snapshot_does_not_hold_is_not_restored
    only_what_was_asked_for_is_restored
}

fn odd_names_and_modes_survive(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let odd = machine.source().join("we[i]r*d\\?");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("-dash\nnewline"), "x").unwrap();
    fs::set_permissions(&odd, fs::Permissions::from_mode(0o2750)).unwrap();
    fs::write(machine.source().join("we[i]r*d\\?."), "neighbour").unwrap();
    let snapshot = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        provider.restore(&snapshot, &odd, &target, job).unwrap();
    });
    let names: Vec<_> = fs::read_dir(&target)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names, [target.join("we[i]r*d\\?")]);
    assert!(names[0].join("-dash\nnewline").exists());
    assert_eq!(
        names[0].metadata().unwrap().permissions().mode() & 0o7777,
        0o2750
    );
}

fn attributes_survive(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    let file = source.join("file");
    let permissions = fs::Permissions::from_mode(0o640);
    fs::set_permissions(&file, permissions).unwrap();
    fs::hard_link(&file, source.join("link")).unwrap();
    symlink("nowhere", source.join("symlink")).unwrap();
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    for path in [&file, &source] {
        fs::File::open(path).unwrap().set_modified(time).unwrap();
    }
    let tools = [
        ("setfattr", &["--name=user.colour", "--value=green"][..]),
        ("setfacl", &["--modify=user:12345:rx"]),
    ];
    for (tool, arguments) in tools {
        let status = Command::new(tool).args(arguments).arg(&file).status();
        assert!(status.unwrap().success(), "{tool}");
    }
    let before = details(&source);
    assert!(
        before.contains("green") && before.contains("12345"),
        "{before}"
    );

    let snapshot = back_up(&machine, std::slice::from_ref(&source)).unwrap();
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot.saved.snapshot);
        provider.restore(&snapshot, &source, &target, job).unwrap();
    });
    let restored = target.join("data");
    assert_eq!(details(&restored), before);
    let inode = |name: &str| restored.join(name).metadata().unwrap().ino();
    assert_eq!(inode("file"), inode("link"));
    for path in [&restored.join("file"), &restored] {
        assert_eq!(path.metadata().unwrap().modified().unwrap(), time);
    }
    assert_eq!(restored.join("sparse").metadata().unwrap().len(), 1 << 30);
    let on_disk = restored.join("sparse").metadata().unwrap().blocks() * 512;
    assert!(on_disk < 1 << 20, "a hole takes {on_disk} bytes");
}

fn names_that_are_not_utf_8_survive(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let odd = OsStr::from_bytes(b"\xff\xfe\nx");
    fs::write(machine.source().join(odd), "x").unwrap();
    let snapshot = back_up(&machine, &[machine.source()]).unwrap();
    assert_eq!(snapshot.incomplete, None);
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot.saved.snapshot);
        provider
            .restore(&snapshot, &machine.source(), &target, job)
            .unwrap();
    });
    assert!(target.join("data").join(odd).exists());
}

fn the_space_that_is_needed_is_told(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("a/b/file"), [1; 1000]).unwrap();
    fs::hard_link(source.join("a/b/file"), source.join("a/link")).unwrap();
    fs::write(source.join("ab"), [1; 3000]).unwrap();
    let snapshot = back_up(&machine, std::slice::from_ref(&source))
        .unwrap()
        .saved
        .snapshot;
    let size = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| source.join(path)).collect();
        with(&machine, |provider, job| {
            let snapshot = only(provider, job, &snapshot);
            provider.contents(&snapshot, &paths, job).unwrap().bytes
        })
    };
    // "content" is in the file that each machine has.
    assert_eq!(size(&[""]), 4007);
    assert_eq!(size(&["a"]), 1000);
    assert_eq!(size(&["a/b/file"]), 1000);
    assert_eq!(size(&["a", "file"]), 1007);
}

fn owners_are_told(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::hard_link(source.join("file"), source.join("a/link")).unwrap();
    symlink("/nowhere", source.join("a/b/symlink")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, source.join("fifo"), rustix::fs::Mode::RUSR).unwrap();
    let mut expected = Owners::default();
    expected.count(&source).unwrap();
    // Sockets are not restored.
    let _socket = UnixListener::bind(source.join("socket")).unwrap();
    let paths = [source.clone()];
    let snapshot = back_up(&machine, &paths).unwrap().saved.snapshot;
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        let contents = provider.contents(&snapshot, &paths, job).unwrap();
        assert_eq!(contents.owners, expected);
        provider.restore(&snapshot, &source, &target, job).unwrap();
    });
    let mut restored = Owners::default();
    restored.count(&target.join("data")).unwrap();
    assert_eq!(restored, expected);
}

fn one_file_can_be_restored(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    for name in ["file2", "-file", "pf:file", "re:.*"] {
        fs::write(machine.source().join(name), name).unwrap();
    }
    let snapshot = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
    for name in ["file", "-file", "pf:file", "re:.*"] {
        let target = machine.path(&format!("target {name}"));
        fs::create_dir(&target).unwrap();
        with(&machine, |provider, job| {
            let snapshot = only(provider, job, &snapshot);
            let path = machine.source().join(name);
            let missing = provider.missing(&snapshot, std::slice::from_ref(&path), job);
            assert_eq!(missing.unwrap(), [] as [PathBuf; 0]);
            provider.restore(&snapshot, &path, &target, job).unwrap();
        });
        assert_eq!(names(&target), [name]);
    }
}

fn what_a_snapshot_does_not_hold_is_not_restored(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let snapshot = back_up(&machine, &[machine.source()])
        .unwrap()
        .saved
        .snapshot;
    fs::create_dir(machine.path("target")).unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        let absent = [machine.source().join("absent"), machine.path("srv/dat")];
        assert_eq!(provider.missing(&snapshot, &absent, job).unwrap(), absent);
        for path in &absent {
            let result = provider.restore(&snapshot, path, &machine.path("target"), job);
            let failed = result.is_err_and(|failure| failure.kind == FailureKind::Failed);
            assert!(failed || program == Program::Restic, "{}", path.display());
        }
    });
    assert_eq!(names(&machine.path("target")), [] as [&str; 0]);
}

fn only_what_was_asked_for_is_restored(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let neighbour = machine.path("srv/data2");
    fs::create_dir(&neighbour).unwrap();
    fs::hard_link(machine.source().join("file"), neighbour.join("same")).unwrap();
    let paths = [machine.source(), neighbour.clone()];
    let snapshot = back_up(&machine, &paths).unwrap().saved.snapshot;
    let target = machine.path("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("other"), "untouched").unwrap();
    with(&machine, |provider, job| {
        let snapshot = only(provider, job, &snapshot);
        assert_eq!(snapshot.paths, paths);
        for path in &paths {
            provider.restore(&snapshot, path, &target, job).unwrap();
        }
        // Its content is stored with the other name of the hard link.
        let alone = machine.path("alone");
        fs::create_dir(&alone).unwrap();
        provider
            .restore(&snapshot, &neighbour, &alone, job)
            .unwrap();
        let text = fs::read_to_string(alone.join("data2/same")).unwrap();
        assert_eq!(text, "content");
    });
    assert_eq!(names(&target), ["data", "data2", "other"]);
    assert_eq!(names(&target.join("data")), ["file"]);
    assert_eq!(
        fs::read_to_string(target.join("other")).unwrap(),
        "untouched"
    );
}

/// What programs for people say of everything below a directory.
fn details(directory: &Path) -> String {
    let script = "find . ! -type l | sort | xargs getfacl --numeric && \
                  find . ! -type l | sort | xargs getfattr --dump && \
                  find . -printf '%p %y %M %U:%G %T@ %n %l\\n' | sort";
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
