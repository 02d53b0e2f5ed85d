//! Messages of restic with `--json`.

use jiff::Timestamp;
use serde::Deserialize;

use crate::base::measure::{Progress, Totals};
use crate::provider::Snapshot;
use crate::provider::entry::{Change, ChangeKind, Entry, EntryKind};

/// A line of output. Zero-valued fields are often left out, so everything has a default.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Message {
    /// Progress.
    Status(StatusMessage),
    /// It came to the end of its work.
    Summary(Summary),
    /// Something could not be read, written or verified.
    Error(ItemError),
    /// Why it gives up.
    ExitError {
        /// In restic's words.
        #[serde(default)]
        message: String,
    },
    /// A repository was created.
    Initialized,
    /// The tags of a snapshot were changed, which gives it another id.
    Changed {
        /// The id that counts from now on.
        new_snapshot_id: String,
    },
    /// An item of a listing.
    Node(Node),
    /// A difference between two snapshots.
    Change(Changed),
    /// Something else.
    #[serde(other)]
    Other,
}

/// The message, unless the line is something else.
pub fn parse(line: &[u8]) -> Option<Message> {
    read(line).ok()
}

/// The message.
pub fn read(line: &[u8]) -> serde_json::Result<Message> {
    serde_json::from_slice(line)
}

/// Errors of the operating system, as Go writes them.
const OF_SYSTEM: &[&str] = &[
    "disk quota exceeded",
    "file name too long",
    "input/output error",
    "no such file or directory",
    "not a directory",
    "operation not permitted",
    "permission denied",
    "read-only file system",
    "stale file handle",
    "too many open files",
];

/// Reason that the operating system gave for an error, without the path that it is about.
pub fn reason(error: &str) -> Option<&'static str> {
    let (_, last) = error.trim_end().rsplit_once(": ")?;
    OF_SYSTEM.iter().copied().find(|reason| *reason == last)
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Path in the snapshot.
    pub path: String,
    #[serde(rename = "type")]
    kind: String,
    /// Size of a file in bytes.
    pub size: u64,
    /// Number of the file on its file system; 0 if the snapshot does not tell.
    pub inode: u64,
    /// Number of its user.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Permissions and type, in Go's own bits.
    mode: u32,
    mtime: Option<Timestamp>,
}

/// Go's bits for setuid, setgid and the sticky bit, with those of `chmod`.
const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];

impl Node {
    pub fn entry(self) -> Entry {
        let kind = match self.kind.as_str() {
            "file" => EntryKind::File,
            "dir" => EntryKind::Directory,
            "symlink" => EntryKind::Symlink,
            "fifo" => EntryKind::Fifo,
            "socket" => EntryKind::Socket,
            "dev" => EntryKind::BlockDevice,
            "chardev" => EntryKind::CharacterDevice,
            _ => EntryKind::Other,
        };
        let special = SPECIAL.iter().filter(|(go, _)| self.mode & go != 0);
        let special: u32 = special.map(|(_, bit)| bit).sum();
        Entry {
            path: self.path,
            kind,
            mode: kind.mode(self.mode & 0o777 | special),
            uid: self.uid,
            gid: self.gid,
            size: (kind == EntryKind::File).then_some(self.size),
            modified: self.mtime,
            stored_as: None,
        }
    }

    /// Sockets and the like are saved, but not restored.
    pub fn is_restored(&self) -> bool {
        !["socket", "irregular", ""].contains(&self.kind.as_str())
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Changed {
    path: String,
    modifier: String,
}

impl Changed {
    /// The change, unless only the owner, permissions or times differ.
    pub fn change(&self) -> Option<Change> {
        let is = |letter| self.modifier.contains(letter);
        let change = if is('+') {
            ChangeKind::Added
        } else if is('-') {
            ChangeKind::Removed
        } else if is('T') {
            ChangeKind::Retyped
        } else if is('M') {
            ChangeKind::Modified
        } else {
            return None;
        };
        Some(Change {
            path: self.path.trim_end_matches('/').to_owned(),
            change,
        })
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct StatusMessage {
    percent_done: f64,
    total_files: u64,
    files_done: u64,
    files_restored: u64,
    total_bytes: u64,
    bytes_done: u64,
    bytes_restored: u64,
}

impl StatusMessage {
    pub fn progress(&self) -> Progress {
        Progress {
            fraction: self.percent_done.clamp(0.0, 1.0),
            bytes_done: self.bytes_done.max(self.bytes_restored),
            bytes_total: self.total_bytes,
            files_done: self.files_done.max(self.files_restored),
            files_total: self.total_files,
        }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Missing if no snapshot was made.
    pub snapshot_id: String,
    /// Whether it was a dry run.
    pub dry_run: bool,
    total_files_processed: u64,
    total_bytes_processed: u64,
    data_added: u64,
    data_added_packed: u64,
}

impl Summary {
    pub fn totals(&self) -> Totals {
        Totals {
            files: self.total_files_processed,
            bytes: self.total_bytes_processed,
            // Version 1 repositories do not compress and do not tell the packed size.
            bytes_added: if self.data_added_packed > 0 {
                self.data_added_packed
            } else {
                self.data_added
            },
        }
    }
}

/// `backup` has `error.message` and `item`, `check` has `message`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ItemError {
    error: Inner,
    message: String,
    item: String,
    during: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    message: String,
}

impl ItemError {
    /// It counts what a backup will read, which meets the same error again.
    pub fn is_of_scan(&self) -> bool {
        self.during == "scan"
    }

    pub fn text(&self) -> String {
        let message = if self.error.message.is_empty() {
            &self.message
        } else {
            &self.error.message
        };
        let message = message.trim();
        if self.item.is_empty() || message.contains(&self.item) {
            message.to_owned()
        } else {
            format!("{}: {message}", self.item)
        }
    }
}

/// The bytes that `prune` says it freed. It has no messages, only words.
pub fn freed(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("total prune:"))?;
    let (number, unit) = line.split_once('/')?.1.trim().split_once(' ')?;
    let factor = match unit {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    // Three digits after the point are all there is; a few bytes do not matter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(bytes.round().max(0.0) as u64)
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    original: Option<String>,
    time: Timestamp,
    #[serde(default)]
    paths: Vec<std::path::PathBuf>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    summary: Option<Summary>,
}

/// The list that `snapshots --json` prints, oldest first.
pub fn snapshots(json: &[u8], incomplete_tag: &str) -> serde_json::Result<Vec<Snapshot>> {
    let listed: Option<Vec<Listed>> = serde_json::from_slice(json)?;
    let mut snapshots: Vec<Snapshot> = listed
        .unwrap_or_default()
        .into_iter()
        .map(|listed| Snapshot {
            id: listed.id,
            original: listed.original,
            time: listed.time,
            complete: !listed
                .tags
                .is_some_and(|tags| tags.iter().any(|tag| tag == incomplete_tag)),
            paths: listed.paths,
            totals: listed.summary.map(|summary| summary.totals()),
        })
        .collect();
    snapshots.sort_by_key(|snapshot| snapshot.time);
    Ok(snapshots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_that_of_the_operating_system() {
        let denied = "Fatal: unable to open config file: open /srv/r/config: permission denied";
        assert_eq!(reason(denied), Some("permission denied"));
        assert_eq!(reason("Fatal: cannot read: /home/letter"), None);
        assert_eq!(reason("permission denied"), None);
    }

    #[test]
    fn real_messages_are_understood() {
        let summary = br#"{"message_type":"summary","files_new":1,"dirs_new":4,"data_blobs":1,"tree_blobs":5,"data_added":2042,"data_added_packed":1591,"total_files_processed":1,"total_bytes_processed":3,"total_duration":0.75,"backup_start":"2026-11-21T03:47:01.377869903Z","snapshot_id":"99003e00"}"#;
        let Some(Message::Summary(summary)) = parse(summary) else {
            panic!("no summary")
        };
        assert_eq!(summary.snapshot_id, "99003e00");
        assert_eq!(
            summary.totals(),
            Totals {
                files: 1,
                bytes: 3,
                bytes_added: 1591
            }
        );

        let status = br#"{"message_type":"status","percent_done":0.43,"total_files":1203,"files_done":20,"total_bytes":1000,"bytes_done":430,"current_files":["/x"]}"#;
        let Some(Message::Status(status)) = parse(status) else {
            panic!("no status")
        };
        assert!((status.progress().fraction - 0.43).abs() < 1e-9);
        assert_eq!(status.progress().files_total, 1203);

        let error = br#"{"message_type":"error","error":{"message":"open /p/secret: permission denied"},"during":"archival","item":"/p/secret"}"#;
        let Some(Message::Error(error)) = parse(error) else {
            panic!("no error")
        };
        assert_eq!(error.text(), "open /p/secret: permission denied");

        let exit = br#"{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist"}"#;
        assert_eq!(
            parse(exit),
            Some(Message::ExitError {
                message: "Fatal: repository does not exist".into()
            })
        );
        let node = br#"{"name":"f","type":"file","path":"/a/f","uid":7,"message_type":"node","struct_type":"node"}"#;
        assert_eq!(
            parse(node),
            Some(Message::Node(Node {
                path: "/a/f".into(),
                kind: "file".into(),
                uid: 7,
                ..Node::default()
            }))
        );
        let verbose = br#"{"message_type":"verbose_status","action":"new","item":"/x"}"#;
        assert_eq!(parse(verbose), Some(Message::Other));
    }

    #[test]
    fn prune_tells_in_words_what_it_freed() {
        let text = b"loading indexes...\n\nto delete:             6 blobs / 1.908 MiB\ntotal prune:           6 blobs / 1.908 MiB\ndone\n";
        assert_eq!(freed(text), Some(2_000_683));
        assert_eq!(freed(b"total prune:    0 blobs / 0 B\n"), Some(0));
        assert_eq!(
            freed(b"total prune:    7 blobs / 977.109 KiB"),
            Some(1_000_560)
        );
        assert_eq!(freed(b"done\n"), None);
    }

    #[test]
    fn lines_between_are_no_messages() {
        for line in [
            &b"/tmp/none does not exist, skipping"[..],
            b"",
            b"create exclusive lock for repository",
            b"{\"message_type\":",
            b"subprocess ssh: ssh: connect to host h port 22: Connection refused",
            b"\xff\xfe",
            b"{}",
            b"[]",
        ] {
            assert_eq!(parse(line), None);
        }
    }

    #[test]
    fn a_list_of_snapshots_knows_which_are_complete() {
        let json = br#"[{"time":"2026-11-21T03:47:02.1+01:00","paths":["/b"],"tags":["instance:x","incomplete"],"id":"bb","short_id":"b"},
            {"time":"2026-11-20T03:47:02Z","paths":["/a"],"tags":null,"id":"aa","summary":{"total_files_processed":2}}]"#;
        let snapshots = snapshots(json, "incomplete").unwrap();
        assert_eq!(snapshots[0].id, "aa");
        assert!(snapshots[0].complete && !snapshots[1].complete);
        assert_eq!(snapshots[0].totals.unwrap().files, 2);
        assert!(super::snapshots(b"null", "incomplete").unwrap().is_empty());
    }
}
