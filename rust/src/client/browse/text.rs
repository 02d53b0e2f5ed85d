//! Answers as lines for people.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::measure::size;
use crate::provider::entry::{Change, ChangeKind};
use crate::run::browse::wire::Listed;

/// Characters of a snapshot's id that are shown.
const SHORT: usize = 8;

/// Writes lines.
pub(super) struct Text {
    zone: TimeZone,
    /// The snapshot whose files are listed, if there are several.
    snapshot: Option<String>,
    by_snapshot: bool,
}

impl Text {
    /// With a heading for each snapshot, if so.
    pub(super) fn new(by_snapshot: bool) -> Self {
        Self {
            zone: TimeZone::system(),
            snapshot: None,
            by_snapshot,
        }
    }

    pub(super) fn listed(&mut self, out: &mut impl Write, listed: &Listed) -> io::Result<()> {
        if self.by_snapshot && self.snapshot.as_ref() != Some(&listed.snapshot) {
            if self.snapshot.is_some() {
                writeln!(out)?;
            }
            let id = listed.snapshot.get(..SHORT).unwrap_or(&listed.snapshot);
            let time = self.time(Some(listed.snapshot_time));
            writeln!(out, "snapshot {}, {time}:", escaped(id))?;
            self.snapshot = Some(listed.snapshot.clone());
        }
        let entry = &listed.entry;
        writeln!(
            out,
            "{:10} {:>5} {:>5} {:>10} {} {}",
            escaped(&entry.mode),
            entry.uid,
            entry.gid,
            entry.size.map_or_else(|| "-".to_owned(), size),
            self.time(entry.modified),
            escaped(&entry.path)
        )
    }

    pub(super) fn change(out: &mut impl Write, change: &Change) -> io::Result<()> {
        let letter = match change.change {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Modified => 'M',
            ChangeKind::Retyped => 'T',
        };
        writeln!(out, "{letter} {}", escaped(&change.path))
    }

    fn time(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(
            || format!("{:16}", "-"),
            |time| {
                time.to_zoned(self.zone.clone())
                    .strftime("%F %H:%M")
                    .to_string()
            },
        )
    }
}

/// Text without control characters: a name may contain what steers a terminal, and a newline.
fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\\' || character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::entry::{Entry, EntryKind};

    fn listed(snapshot: &str, path: &str, size: Option<u64>) -> Listed {
        Listed {
            snapshot: snapshot.to_owned(),
            snapshot_time: "2026-11-17T03:00:05Z".parse().unwrap(),
            entry: Entry {
                path: path.to_owned(),
                kind: EntryKind::File,
                mode: "-rw-r-----".to_owned(),
                uid: 33,
                gid: 1000,
                size,
                modified: size.map(|_| "2026-11-16T18:30:00Z".parse().unwrap()),
                stored_as: None,
            },
        }
    }

    fn text(by_snapshot: bool) -> Text {
        Text {
            zone: TimeZone::UTC,
            ..Text::new(by_snapshot)
        }
    }

    #[test]
    fn found_files_stand_below_their_snapshot() {
        let mut out = Vec::new();
        let mut text = text(true);
        for file in [
            listed("0123456789", "/srv/a b", Some(1536)),
            listed("0123456789", "/srv/\u{1b}[2J\n\\ü", None),
            listed("fedcba9876", "/srv/c", Some(0)),
        ] {
            text.listed(&mut out, &file).unwrap();
        }
        expect_test::expect![[r"
            snapshot 01234567, 2026-11-17 03:00:
            -rw-r-----    33  1000    1.5 KiB 2026-11-16 18:30 /srv/a b
            -rw-r-----    33  1000          - -                /srv/\u{1b}[2J\n\\ü

            snapshot fedcba98, 2026-11-17 03:00:
            -rw-r-----    33  1000        0 B 2026-11-16 18:30 /srv/c
        "]]
        .assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn changes_have_the_letters_of_restic() {
        let mut out = Vec::new();
        for change in [
            ChangeKind::Added,
            ChangeKind::Removed,
            ChangeKind::Modified,
            ChangeKind::Retyped,
        ] {
            let change = Change {
                path: "/a\tb".to_owned(),
                change,
            };
            Text::change(&mut out, &change).unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "+ /a\\tb\n- /a\\tb\nM /a\\tb\nT /a\\tb\n"
        );
    }
}
