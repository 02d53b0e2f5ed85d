//! Errors that a program reports, one for each file or directory.
//!
//! Public is how many there are. What the program says names private files, and so goes to the
//! journal only.

use crate::base;
use crate::base::problem::Private;

/// Number of errors to keep.
const KEPT: usize = 3;
/// Longest details, in characters.
const LONGEST: usize = 2000;

/// Errors of one call, of which the first few are kept.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    count: usize,
    kept: Vec<String>,
}

impl Trouble {
    /// Adds an error.
    pub fn add(&mut self, text: &str) {
        self.count += 1;
        if self.kept.len() < KEPT && !self.kept.iter().any(|kept| kept == text) {
            self.kept.push(text.to_owned());
        }
    }

    /// Errors that are kept.
    #[must_use]
    pub fn kept(&self) -> &[String] {
        &self.kept
    }

    /// How many there are, with their name: `1 file`. Nothing if there are none.
    #[must_use]
    pub fn counted(&self, one: &str, many: &str) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        }
    }

    /// `last`, which the program said in the end, and the errors, on one line.
    #[must_use]
    pub fn details(&self, last: Option<&String>) -> Option<Private> {
        let last = last.into_iter().flat_map(|last| last.lines());
        let kept = self.kept.iter().map(String::as_str);
        let mut texts: Vec<String> = last
            .chain(kept)
            .map(|text| printable(text.as_bytes()))
            .filter(|text| !text.is_empty())
            .collect();
        texts.dedup();
        let more = self.count - self.kept.len();
        if more > 0 {
            texts.push(format!("and {more} more"));
        }
        let mut text = texts.join("; ");
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
            text.push('…');
        }
        (!text.is_empty()).then(|| Private::new(text))
    }
}

/// Text of a line of output, without the escapes by which programs steer terminals, and
/// with other control characters replaced: journald would show such a message as a blob.
#[must_use]
pub fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.trim().split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c));
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    base::printable::printable(plain.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_printable() {
        let line = b"\r\x1b[2Ksignal terminated \x1b[1;31mreceived\x1b[0m\x07, \x1b]cleaning up";
        assert_eq!(
            printable(line),
            "signal terminated received\u{fffd}, \u{fffd}]cleaning up"
        );
    }

    #[test]
    fn the_first_errors_are_named_and_all_are_counted() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.counted("file", "files"), None);
        assert_eq!(trouble.details(None), None);
        trouble.add("a\n\u{1b}[2Jb");
        assert_eq!(trouble.counted("file", "files").unwrap(), "1 file");
        for name in ["c", "c", "d", "e"] {
            trouble.add(name);
        }
        assert_eq!(trouble.counted("file", "files").unwrap(), "5 files");
        let last = "it failed\n".to_owned();
        let details = trouble.details(Some(&last)).unwrap();
        assert_eq!(details.reveal(), "it failed; a\u{fffd}b; c; d; and 2 more");
    }

    #[test]
    fn details_have_an_end() {
        let mut trouble = Trouble::default();
        trouble.add(&"ä".repeat(5000));
        let details = trouble.details(None).unwrap();
        assert_eq!(details.reveal().chars().count(), LONGEST + 1);
    }
}
