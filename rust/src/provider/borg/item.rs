//! Items of archives, as `borg list` prints them.

use std::path::PathBuf;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::provider::entry::{Entry, EntryKind};

/// A line for each item. Python writes the paths as literals (`!a`): nothing else of borg's
/// tells bytes that are not text from a `?`.
pub const FORMAT: &str = "{type} {mode} {uid} {gid} {size} {isomtime} {bpath!a} {source!a}{NL}";

/// First letter of the mode of all names of a file but one.
const HARD_LINK: char = 'h';

/// The item, unless the line is something else.
pub fn parse(line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.splitn(7, ' ');
    let mut next = || words.next();
    let kind = EntryKind::of_letter(next()?);
    let mode = next()?;
    let (uid, gid) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let size = next()?.parse().ok()?;
    let time: DateTime = next()?.parse().ok()?;
    let (path, rest) = literal(next()?)?;
    let (source, rest) = literal(rest.strip_prefix(' ')?)?;
    let is_link = mode.starts_with(HARD_LINK);
    rest.is_empty().then(|| Entry {
        path: format!("/{path}"),
        kind,
        mode: if is_link {
            mode.replacen(HARD_LINK, "-", 1)
        } else {
            mode.to_owned()
        },
        uid,
        gid,
        size: (kind == EntryKind::File && !is_link).then_some(size),
        // All calls of borg have UTC as their time zone.
        modified: time
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|time| time.timestamp()),
        stored_as: is_link.then(|| PathBuf::from(format!("/{source}"))),
    })
}

/// Reads a string literal of Python at the beginning of `text`, and returns what follows it. A
/// byte that is not text is U+FFFD.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut characters = text.chars();
    let quote = characters
        .next()
        .filter(|quote| ['\'', '"'].contains(quote))?;
    let mut read = String::new();
    loop {
        match characters.next()? {
            character if character == quote => return Some((read, characters.as_str())),
            '\\' => {
                let digits = match characters.next()? {
                    'n' => {
                        read.push('\n');
                        continue;
                    }
                    'r' => {
                        read.push('\r');
                        continue;
                    }
                    't' => {
                        read.push('\t');
                        continue;
                    }
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    character @ ('\\' | '\'' | '"') => {
                        read.push(character);
                        continue;
                    }
                    _ => return None,
                };
                let number = characters.as_str().get(..digits)?;
                let number = u32::from_str_radix(number, 16).ok()?;
                // Python has surrogates for bytes, which are no characters.
                read.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
                characters = characters.as_str()[digits..].chars();
            }
            character => read.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_lines_are_understood() {
        let line =
            br#"- -rwSr--r-- 1000 33 42 2026-11-21T23:10:30.656438 'srv/caf\udce9\n"q\\ \xfc' ''"#;
        assert_eq!(
            parse(line).unwrap(),
            Entry {
                path: "/srv/caf\u{fffd}\n\"q\\ ü".to_owned(),
                kind: EntryKind::File,
                mode: "-rwSr--r--".to_owned(),
                uid: 1000,
                gid: 33,
                size: Some(42),
                modified: Some("2026-11-21T23:10:30.656438Z".parse().unwrap()),
                stored_as: None,
            }
        );
        let line =
            br#"- hrw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 "srv/it's" 'srv/\U0001f600 x'"#;
        let other = parse(line).unwrap();
        assert_eq!(
            (other.path.as_str(), other.mode.as_str(), other.size),
            ("/srv/it's", "-rw-r--r--", None)
        );
        assert_eq!(other.stored_as, Some(PathBuf::from("/srv/\u{1f600} x")));
    }

    #[test]
    fn other_lines_are_not_taken_for_items() {
        for line in [
            &b""[..],
            b"- -rw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 'srv/a'",
            b"- -rw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 'srv/a' 'b' c",
            b"- -rw-r--r-- 0 0 x 2026-11-21T23:10:30.656438 'srv/a' ''",
            b"- -rw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 'srv/\\q' ''",
            b"- -rw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 'srv/\\u00' ''",
            b"- -rw-r--r-- 0 0 0 2026-11-21T23:10:30.656438 'srv/a ''",
            b"\xff",
        ] {
            assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
        }
    }
}
