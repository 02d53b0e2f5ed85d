//! Exclude patterns mean the same to every provider: one table, the real programs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::real::{Program, machine, only, with};
use backupservice::base::outcome::Outcome;
use backupservice::provider::{Selection, Snapshot};
use backupservice::run::restore::request::Request;
use jiff::Timestamp;

/// Every path that there is, below the source.
const TREE: &[&str] = &[
    "a.tmp",
    "a.tmp.keep",
    ".hidden",
    "-dash",
    "!bang",
    "!a",
    "cache",
    "cache/x",
    "cache2",
    "deep/cache/x/y",
    "deep/a.tmp",
    "deep/er/a.tmp",
    "deep/er/x1",
    "x1",
    "y1",
    "z-",
    "]",
    "[a]",
    "we{i}r$d (b)+|^",
    "star*",
    "back\\slash",
    "umläut",
    "UPPER",
    "two words",
];

/// A pattern, and what it leaves out; `@` is the source.
const CASES: &[(&str, &[&str])] = &[
    ("*.tmp", &["a.tmp", "deep/a.tmp", "deep/er/a.tmp"]),
    ("a.tmp", &["a.tmp", "deep/a.tmp", "deep/er/a.tmp"]),
    ("*.TMP", &[]),
    ("cache", &["cache", "cache/x", "deep/cache/x/y"]),
    ("cache/", &["cache", "cache/x", "deep/cache/x/y"]),
    ("cache?", &["cache2"]),
    ("cache*", &["cache", "cache/x", "cache2", "deep/cache/x/y"]),
    ("@/cache", &["cache", "cache/x"]),
    ("@/cach", &[]),
    ("/cache", &[]),
    ("@/*/cache", &["deep/cache/x/y"]),
    ("@/**/cache", &["cache", "cache/x", "deep/cache/x/y"]),
    ("@/**/a.tmp", &["a.tmp", "deep/a.tmp", "deep/er/a.tmp"]),
    (
        "@/deep/**",
        &[
            "deep/cache/x/y",
            "deep/a.tmp",
            "deep/er/a.tmp",
            "deep/er/x1",
        ],
    ),
    ("@/deep/*/x", &["deep/cache/x/y"]),
    (
        "@/deep/*",
        &[
            "deep/cache/x/y",
            "deep/a.tmp",
            "deep/er/a.tmp",
            "deep/er/x1",
        ],
    ),
    ("**/er/x1", &["deep/er/x1"]),
    ("**/cache/x", &["cache/x", "deep/cache/x/y"]),
    ("?1", &["x1", "y1", "deep/er/x1"]),
    ("[xz]1", &["x1", "deep/er/x1"]),
    ("[!x]1", &["y1"]),
    ("[^x]1", &["y1"]),
    ("[x-z]1", &["x1", "y1", "deep/er/x1"]),
    ("z[a-]", &["z-"]),
    ("z[!a]", &["z-"]),
    ("[]]", &["]"]),
    ("[[]a[]]", &["[a]"]),
    ("\\[a\\]", &["[a]"]),
    ("[a]", &[]),
    ("[[:upper:]]*", &["UPPER"]),
    ("star\\*", &["star*"]),
    ("st**", &["star*"]),
    ("back\\\\slash", &["back\\slash"]),
    ("we{i}r$d (b)+|^", &["we{i}r$d (b)+|^"]),
    ("uml?ut", &["umläut"]),
    ("uml[ä]ut", &["umläut"]),
    // The source is below a directory whose name begins so, too.
    (".*", &[".hidden"]),
    ("data", &[]),
    ("-dash", &["-dash"]),
    ("-*", &["-dash"]),
    ("\\!*", &["!bang", "!a"]),
    ("[!!]ang", &[]),
    ("two words", &["two words"]),
    ("re:.*", &[]),
];

#[test]
fn patterns_mean_to_restic_what_the_table_says() {
    compare(Program::Restic);
}

#[test]
fn patterns_mean_to_borg_what_the_table_says() {
    compare(Program::Borg);
}

fn compare(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    let source = machine.source();
    fs::remove_file(source.join("file")).unwrap();
    for path in TREE.iter().filter(|path| **path != "cache") {
        fs::create_dir_all(source.join(path).parent().unwrap()).unwrap();
        fs::write(source.join(path), "").unwrap();
    }
    let mut wrong = Vec::new();
    for (pattern, expected) in CASES {
        let pattern = pattern.replace('@', source.to_str().unwrap());
        let left_out = left_out(&machine, &source, &pattern);
        if left_out.as_deref() != Ok(&sorted(expected)[..]) {
            wrong.push(format!("{pattern}: {left_out:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn left_out(
    machine: &crate::common::Machine,
    source: &Path,
    pattern: &str,
) -> Result<Vec<String>, String> {
    let selection = Selection {
        paths: &[source.to_owned()],
        exclude: &[pattern.to_owned()],
        one_file_system: false,
        staging: None,
        last: None,
    };
    let all: Vec<PathBuf> = TREE.iter().map(|path| source.join(path)).collect();
    with(machine, |provider, job| {
        let made = provider
            .backup(&selection, job)
            .map_err(|failure| failure.to_string())?;
        assert_eq!(made.incomplete, None, "{pattern}");
        let snapshot = Snapshot {
            original: None,
            id: made.saved.snapshot,
            time: Timestamp::UNIX_EPOCH,
            complete: true,
            paths: Vec::new(),
            totals: None,
        };
        let missing = provider.missing(&snapshot, &all, job).unwrap();
        let below = |path: &PathBuf| path.strip_prefix(source).unwrap().display().to_string();
        let names: Vec<String> = missing.iter().map(below).collect();
        Ok(sorted(&names))
    })
}

fn sorted(names: &[impl ToString]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn safety_copies_are_not_saved_by_restic() {
    no_safety_copies(Program::Restic);
}

#[test]
fn safety_copies_are_not_saved_by_borg() {
    no_safety_copies(Program::Borg);
}

fn no_safety_copies(program: Program) {
    let Some(machine) = machine(program) else {
        return;
    };
    fs::create_dir(machine.source().join("sub")).unwrap();
    fs::write(machine.source().join("sub/file"), "x").unwrap();
    assert_eq!(machine.back_up_for_real().record.error, None);
    for _ in 0..2 {
        let restored = machine.restore_for_real(&Request {
            path: Some(machine.source().join("sub")),
            ..Request::whole("latest")
        });
        assert_eq!(restored.outcome, Outcome::Success, "{restored}");
        assert!(restored.safety_copies[0].starts_with(machine.source()));
    }
    let kept = machine.source().join(".sub.before-restore-by-hand");
    fs::write(&kept, "x").unwrap();
    let names = fs::read_dir(machine.source()).unwrap();
    let mut all: Vec<PathBuf> = names.map(|name| name.unwrap().path()).collect();
    all.sort();
    assert_eq!(all.len(), 5, "{all:?}");

    let made = machine.back_up_for_real().record.snapshot.unwrap();
    let mut missing = with(&machine, |provider, job| {
        let snapshot = only(provider, job, &made);
        provider.missing(&snapshot, &all, job).unwrap()
    });
    missing.sort();
    let copies = all
        .iter()
        .filter(|path| path.display().to_string().contains("-20"));
    assert_eq!(missing, copies.cloned().collect::<Vec<_>>());
}
