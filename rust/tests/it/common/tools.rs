//! Programs that tests need. A missing one fails the test, unless that was asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to 1, tests without their programs are skipped.
const WITHOUT: &str = "BACKUPSERVICE_TEST_WITHOUT_PROVIDERS";

/// restic with the exit codes that we know.
pub fn restic() -> Option<PathBuf> {
    let found = find("restic").filter(|program| version(program, "version") >= (0, 17));
    or_skip("restic 0.17 or newer", found)
}

/// borg with the exit codes that we know.
pub fn borg() -> Option<PathBuf> {
    let known = (1, 4)..(2, 0);
    let found = find("borg").filter(|program| known.contains(&version(program, "--version")));
    or_skip("borg 1.4", found)
}

pub fn sshd() -> Option<PathBuf> {
    or_skip(
        "sshd",
        Some(PathBuf::from("/usr/sbin/sshd")).filter(|path| path.exists()),
    )
}

pub fn dbus_daemon() -> Option<PathBuf> {
    or_skip("dbus-daemon", find("dbus-daemon"))
}

fn version(program: &Path, argument: &str) -> (u32, u32) {
    let output = Command::new(program).arg(argument).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.exists())
}

fn or_skip(what: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        assert_eq!(
            std::env::var(WITHOUT).as_deref(),
            Ok("1"),
            "{what} is not on PATH; set {WITHOUT}=1 to skip what needs it"
        );
        println!("skipped: {what} is not on PATH");
    }
    found
}
