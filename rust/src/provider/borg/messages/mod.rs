//! Messages of borg with `--log-json` and `--json`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::measure::{Progress, Totals};
use crate::provider::Contents;
use crate::provider::entry::{Change, ChangeKind};

/// A line on standard error.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Progress of a backup, whose total is not known.
    ArchiveProgress(Counted),
    /// Progress of a restore.
    ProgressPercent(Percent),
    /// A warning or an error.
    #[serde(rename = "log_message")]
    Words(Said),
    /// Something else.
    #[serde(other)]
    Other,
}

/// The message, unless the line is something else.
pub fn parse(line: &[u8]) -> Option<Message> {
    serde_json::from_slice(line).ok()
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Counted {
    original_size: u64,
    nfiles: u64,
    finished: bool,
}

impl Counted {
    pub fn progress(&self) -> Option<Progress> {
        // The last one has no numbers.
        (!self.finished).then_some(Progress {
            bytes_done: self.original_size,
            files_done: self.nfiles,
            ..Progress::default()
        })
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Percent {
    msgid: Option<String>,
    current: u64,
    total: u64,
}

impl Percent {
    #[allow(clippy::cast_precision_loss)] // it is for people
    pub fn progress(&self) -> Option<Progress> {
        (self.msgid.as_deref() == Some("extract") && self.total > 0).then(|| Progress {
            fraction: (self.current as f64 / self.total as f64).clamp(0.0, 1.0),
            bytes_done: self.current,
            bytes_total: self.total,
            ..Progress::default()
        })
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Said {
    levelname: String,
    message: String,
    msgid: Option<String>,
}

impl Said {
    pub fn is_error(&self) -> bool {
        matches!(self.levelname.as_str(), "ERROR" | "CRITICAL")
    }

    /// It is about one item that was selected.
    pub fn is_about_an_item(&self) -> bool {
        self.msgid.as_deref().is_some_and(|id| {
            id.starts_with("Backup")
                || ["FileChangedWarning", "IncludePatternNeverMatchedWarning"].contains(&id)
        })
    }

    /// Without the way that led to an exception.
    pub fn text(&self) -> &str {
        let message = self.message.trim();
        if !message.starts_with("Traceback ") {
            return message;
        }
        let traceback = message.split("\n\nPlatform: ").next().unwrap_or(message);
        traceback.lines().next_back().unwrap_or(traceback)
    }

    /// It only lists versions, on either end.
    pub fn is_about_versions(&self) -> bool {
        let message = self.message.trim();
        let message = message.strip_prefix("Borg server: ").unwrap_or(message);
        message.starts_with("Platform: ")
    }

    /// It only says that an exception follows.
    pub fn announces_exception(&self) -> bool {
        self.msgid.as_deref() == Some("Exception")
    }
}

/// Reason that an error of the operating system gives, with the path that it is about only if
/// that is the `repository`, above it or in it: `Permission denied: /srv/backup`.
pub fn reason(error: &str, repository: &str) -> Option<String> {
    let (_, rest) = error.split_once(": [Errno ")?;
    let (_, rest) = rest.split_once("] ")?;
    let (reason, path) = match rest.split_once(": '") {
        Some((reason, path)) => (reason, path.strip_suffix('\'')),
        None => (rest, None),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " ,-/()".contains(c);
    if !reason.chars().all(is_plain) {
        return None;
    }
    let place = match repository.strip_prefix("ssh://") {
        Some(rest) => &rest[rest.find('/')?..],
        None => repository,
    };
    let place = Path::new(place);
    let is_public =
        |path: &&str| place.starts_with(Path::new(path)) || Path::new(path).starts_with(place);
    Some(match path.filter(is_public) {
        Some(path) => format!("{reason}: {path}"),
        None => reason.to_owned(),
    })
}

/// Last message of a `check --verbose` that found no damage.
pub const SOUND: &str = "Archive consistency check complete, no problems found";

/// The bytes that `compact` says it freed, in the units of SI.
pub fn freed(message: &str) -> Option<u64> {
    let rest = message.split_once("compaction freed about ")?.1;
    let mut words = rest.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let factor = match words.next()? {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    // Three digits are all there is; a few bytes do not matter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some((number * factor).round().max(0.0) as u64)
}

/// Output of `create --json`, printed once the archive is saved.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Created {
    pub archive: CreatedArchive,
    pub repository: CreatedRepository,
}

/// The repository that holds it.
#[derive(Debug, PartialEq, Deserialize)]
pub struct CreatedRepository {
    pub id: String,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct CreatedArchive {
    pub id: String,
    pub name: String,
    stats: Stats,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Stats {
    nfiles: u64,
    original_size: u64,
    deduplicated_size: u64,
}

impl CreatedArchive {
    pub fn totals(&self) -> Totals {
        Totals {
            files: self.stats.nfiles,
            bytes: self.stats.original_size,
            bytes_added: self.stats.deduplicated_size,
        }
    }
}

/// Output of `list --json`.
#[derive(Debug, PartialEq, Deserialize)]
pub struct List {
    pub archives: Vec<Listed>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Listed {
    pub id: String,
    pub name: String,
    comment: String,
}

impl Listed {
    /// The paths that were selected, unless somebody else wrote the comment.
    pub fn paths(&self) -> Vec<PathBuf> {
        serde_json::from_str(&self.comment).unwrap_or_default()
    }
}

/// A line of `diff --json-lines`.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Difference {
    path: String,
    changes: Vec<Aspect>,
}

/// In what an item differs.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Aspect {
    #[serde(rename = "type")]
    kind: String,
    /// Bytes of new and of old chunks; both 0 if the content is the same all the same.
    added: Option<u64>,
    removed: Option<u64>,
    old_mode: String,
    new_mode: String,
}

impl Difference {
    /// The change, unless only the owner, permissions or times differ.
    pub fn change(&self) -> Option<Change> {
        let change = self.changes.iter().filter_map(Aspect::change).min()?;
        Some(Change {
            path: format!("/{}", self.path),
            change,
        })
    }
}

impl Aspect {
    fn change(&self) -> Option<ChangeKind> {
        let letter = |mode: &str| mode.chars().next();
        match self.kind.split(' ').next()? {
            "added" => Some(ChangeKind::Added),
            "removed" => Some(ChangeKind::Removed),
            "mode" if letter(&self.old_mode) != letter(&self.new_mode) => Some(ChangeKind::Retyped),
            "modified" if (self.added, self.removed) != (Some(0), Some(0)) => {
                Some(ChangeKind::Modified)
            }
            "changed" => Some(ChangeKind::Modified),
            _ => None,
        }
    }
}

/// Sizes and owners, as [`super::Borg`] lists them; `None` if the text is something else.
///
/// An archive holds a mount point twice that is a source itself, in another one: as an empty
/// directory of the latter, and as what it is. The last one counts, which is also restored last.
pub fn contents(text: &[u8]) -> Option<Contents> {
    let mut contents = Contents::default();
    let hashes = RandomState::new();
    let mut owners = HashMap::new();
    for item in text.split(|byte| *byte == 0) {
        if item.trim_ascii().is_empty() {
            continue;
        }
        let mut parts = item.trim_ascii_start().splitn(4, |byte| *byte == b' ');
        let mut next = || parts.next();
        contents.bytes += number::<u64>(next()?)?;
        let owner = (number(next()?)?, number(next()?)?);
        // Of the path, enough to know it again.
        owners.insert(hashes.hash_one(next()?), owner);
    }
    for (user, group) in owners.into_values() {
        contents.owners.add(user, group);
    }
    Some(contents)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A comment that [`Listed::paths`] reads.
pub fn comment(paths: &[PathBuf]) -> serde_json::Result<String> {
    // borg fills in what is in braces.
    let json = serde_json::to_string(paths)?;
    Ok(json.replace('{', "{{").replace('}', "}}"))
}

#[cfg(test)]
mod tests;
