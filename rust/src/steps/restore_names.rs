//! Names that a restore gives to what it keeps beside the data or in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use jiff::civil::DateTime;

const SAFETY: &str = ".before-restore-";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// Longest part of the data's own name, in bytes: with what is added, a name has at most 255.
const LONGEST: usize = 200;

/// Patterns of the names of safety copies of any data, in the syntax of the contract.
pub const SAFETY_PATTERNS: [&str; 2] = [
    ".*.before-restore-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z",
    ".*.before-restore-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z-[0-9]*",
];

/// Directory into which `data` is restored by a run.
#[must_use]
pub fn incoming(data: &OsStr, run_id: &str) -> OsString {
    hidden(data, &format!(".backupservice-new-{}", short(run_id)))
}

/// Directory in which a run notes the attributes of the one that holds it.
#[must_use]
pub fn notes(data: &OsStr, run_id: &str) -> OsString {
    let end = format!(".backupservice-attributes-{}", short(run_id));
    hidden(data, &end)
}

/// Safety copy of `data`; `number` tells apart those of one second.
#[must_use]
pub fn safety(data: &OsStr, time: jiff::Timestamp, number: u32) -> OsString {
    let time = time.strftime(TIME);
    let end = match number {
        1 => format!("{SAFETY}{time}"),
        _ => format!("{SAFETY}{time}-{number}"),
    };
    hidden(data, &end)
}

/// Whether a name is that of a safety copy of `data`.
#[must_use]
pub fn is_safety(name: &OsStr, data: &OsStr) -> bool {
    let start = hidden(data, SAFETY);
    let end = name.as_bytes().strip_prefix(start.as_bytes());
    let Some(Ok(end)) = end.map(std::str::from_utf8) else {
        return false;
    };
    let (time, number) = end.split_once('-').unwrap_or((end, "2"));
    DateTime::strptime(TIME, time).is_ok() && number.parse::<u32>().is_ok()
}

fn hidden(data: &OsStr, end: &str) -> OsString {
    let data = data.as_bytes();
    let mut name = OsString::from(".");
    name.push(OsStr::from_bytes(&data[..data.len().min(LONGEST)]));
    name.push(end);
    name
}

fn short(run_id: &str) -> String {
    run_id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_too_long() {
        let data = OsString::from("n".repeat(255));
        let run = "0123456789abcdef";
        let copy = safety(&data, jiff::Timestamp::UNIX_EPOCH, u32::MAX);
        for name in [incoming(&data, run), notes(&data, run), copy.clone()] {
            assert!(name.len() <= 255, "{name:?}");
        }
        assert!(is_safety(&copy, &data));
    }

    #[test]
    fn a_safety_copy_is_known_by_its_name() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let data = OsStr::from_bytes(b"d\xff");
        for number in [1, 2, 10] {
            assert!(is_safety(&safety(data, now, number), data));
        }
        let data = OsStr::new("data");
        assert_eq!(
            safety(data, now, 1),
            ".data.before-restore-19700101T000000Z"
        );
        for other in [
            ".data.before-restore-",
            ".data.before-restore-x",
            ".data.before-restore-19700101T000000Z-",
            ".data.before-restore-19700101T000000Z-x",
            ".data.before-restore-19700101T000000Z.d",
            ".other.before-restore-19700101T000000Z",
            "data",
        ] {
            assert!(!is_safety(OsStr::new(other), data), "{other}");
        }
    }
}
