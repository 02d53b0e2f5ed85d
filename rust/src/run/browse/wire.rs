//! What goes over the connection between a reader and the unit: one line with a request, then
//! messages with the answer. Each message has a letter, its length in four bytes, and that many
//! bytes.

use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::outcome::{Failure, FailureKind};
use crate::base::problem::Problem;
use crate::provider::entry::Entry;

/// The version of [`Request`].
pub const VERSION: u32 = 1;

/// Longest request, in bytes: a path of 4 KiB, as numbers.
const LONGEST_REQUEST: u64 = 64 << 10;
/// Longest message, in bytes: more than any path needs.
const LONGEST_MESSAGE: u32 = 1 << 20;

const DATA: u8 = b'd';
const END: u8 = b'e';

/// A question about the snapshots of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Format; see [`VERSION`].
    pub version: u32,
    /// Host whose snapshots they are, unless it is the instance's own.
    pub host: Option<String>,
    /// The question.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Question {
    /// Lists a directory, as [`Listed`] in JSON.
    List {
        /// Snapshot.
        snapshot: Wanted,
        /// File or directory; none for the directories that were backed up.
        path: Option<RawPath>,
        /// With everything below.
        recursive: bool,
    },
    /// Finds files by their name, as [`Listed`] in JSON; the newest snapshot first.
    Find {
        /// Pattern in the syntax of `excludePatterns`.
        pattern: String,
        /// Only in this snapshot.
        snapshot: Option<Wanted>,
    },
    /// The content of a file.
    Dump {
        /// Snapshot.
        snapshot: Wanted,
        /// File.
        path: RawPath,
    },
    /// In what two snapshots differ, as [`crate::provider::entry::Change`] in JSON.
    Diff {
        /// The first.
        from: Wanted,
        /// The second.
        to: Wanted,
    },
}

/// A snapshot by its id, or by a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    /// Id, beginning of an id, or `latest`.
    pub id: String,
    /// With `latest`: the last one that was begun by this time.
    pub until: Option<Timestamp>,
}

/// A path, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawPath(Vec<u8>);

impl From<PathBuf> for RawPath {
    fn from(path: PathBuf) -> Self {
        Self(path.into_os_string().into_vec())
    }
}

impl RawPath {
    /// The path, without a slash at its end.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.0.clone()))
            .components()
            .collect()
    }
}

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Id of the snapshot.
    pub snapshot: String,
    /// When the snapshot was begun, UTC.
    pub snapshot_time: Timestamp,
    /// The file.
    #[serde(flatten)]
    pub entry: Entry,
}

/// End of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    problem: Option<Problem>,
    transient: bool,
    cancelled: bool,
}

impl Request {
    /// Sends the request.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn send(&self, connection: &mut impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        connection.write_all(&line)
    }

    /// Receives a request.
    ///
    /// # Errors
    /// The connection is broken, or it is no request.
    pub fn receive(connection: impl BufRead) -> Result<Self, Failure> {
        let mut line = Vec::new();
        connection
            .take(LONGEST_REQUEST)
            .read_until(b'\n', &mut line)
            .map_err(anyhow::Error::from)?;
        let request: Option<Self> = serde_json::from_slice(&line).ok();
        request
            .filter(|request| request.version == VERSION)
            .ok_or_else(|| {
                Failure::new(
                    "the request cannot be understood",
                    "use the command `backupservice` of the same version as the system",
                )
            })
    }
}

/// Sends a part of the answer.
///
/// # Errors
/// The connection is broken.
pub fn send(connection: &mut impl Write, data: &[u8]) -> io::Result<()> {
    for piece in data.chunks(LONGEST_MESSAGE as usize) {
        message(connection, DATA, piece)?;
    }
    Ok(())
}

/// Sends the end of the answer.
///
/// # Errors
/// The connection is broken.
pub fn send_end(connection: &mut impl Write, result: &Result<(), Failure>) -> io::Result<()> {
    let end = match result {
        Ok(()) => End::default(),
        Err(failure) => End {
            problem: Some(failure.problem.clone()),
            transient: failure.is_transient(),
            cancelled: failure.kind == FailureKind::Cancelled,
        },
    };
    message(connection, END, &serde_json::to_vec(&end)?)
}

fn message(connection: &mut impl Write, letter: u8, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut message = Vec::with_capacity(content.len() + 5);
    message.push(letter);
    message.extend(length.to_be_bytes());
    message.extend(content);
    connection.write_all(&message)
}

/// Receives the next part of an answer; none at its end.
///
/// # Errors
/// The failure that ends the answer; or the connection is broken, or ends before the answer.
pub fn receive(connection: &mut impl Read) -> Result<Option<Vec<u8>>, Failure> {
    let (letter, content) = next(connection).map_err(|error| {
        let remedy = "look into the journal of the instance with `backupservice logs`";
        match error.kind() {
            ErrorKind::UnexpectedEof => Failure::new("the answer ends in the middle", remedy),
            _ => Failure::new(format!("the answer cannot be read: {error}"), remedy),
        }
    })?;
    if letter == DATA {
        return Ok(Some(content));
    }
    let end: End = serde_json::from_slice(&content).map_err(anyhow::Error::from)?;
    let kind = match (end.cancelled, end.transient) {
        (true, _) => FailureKind::Cancelled,
        (_, true) => FailureKind::Transient,
        _ => FailureKind::Failed,
    };
    end.problem
        .map_or(Ok(None), |problem| Err(Failure::of(kind, problem)))
}

fn next(connection: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    connection.read_exact(&mut head)?;
    let [letter, length @ ..] = head;
    let length = u32::from_be_bytes(length);
    // Whoever answers may have been taken over.
    if ![DATA, END].contains(&letter) || length > LONGEST_MESSAGE {
        return Err(io::Error::other("it is no message"));
    }
    let mut content = vec![0; length as usize];
    connection.read_exact(&mut content)?;
    Ok((letter, content))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        let path = Path::new(OsStr::from_bytes(b"/srv/caf\xe9\n")).to_owned();
        let request = Request {
            version: VERSION,
            host: None,
            question: Question::Dump {
                snapshot: Wanted {
                    id: "latest".to_owned(),
                    until: None,
                },
                path: path.clone().into(),
            },
        };
        let mut sent = Vec::new();
        request.send(&mut sent).unwrap();
        let received = Request::receive(&sent[..]).unwrap();
        assert_eq!(received, request);
        let Question::Dump { path: received, .. } = received.question else {
            panic!()
        };
        assert_eq!(received.path(), path);
    }

    #[test]
    fn whatever_is_no_request_is_refused() {
        for text in [
            "",
            "{}\n",
            "{\"version\":1,\"host\":null,\"question\":{\"erase\":{}}}\n",
        ] {
            assert!(Request::receive(text.as_bytes()).is_err(), "{text}");
        }
        let endless = io::repeat(b' ');
        assert!(Request::receive(io::BufReader::new(endless)).is_err());
    }

    #[test]
    fn an_answer_has_parts_and_an_end() {
        let mut sent = Vec::new();
        send(&mut sent, b"one").unwrap();
        send(&mut sent, &vec![7; LONGEST_MESSAGE as usize + 1]).unwrap();
        let failure = Failure::of(FailureKind::Locked, Problem::new("it is locked", "wait"));
        send_end(&mut sent, &Err(failure.clone())).unwrap();
        let mut received = &sent[..];
        assert_eq!(receive(&mut received).unwrap().unwrap(), b"one");
        assert_eq!(
            receive(&mut received).unwrap().unwrap().len(),
            LONGEST_MESSAGE as usize
        );
        assert_eq!(receive(&mut received).unwrap().unwrap(), [7]);
        let end = receive(&mut received).unwrap_err();
        assert_eq!(
            (end.problem, end.kind),
            (failure.problem, FailureKind::Transient)
        );

        let mut sent = Vec::new();
        send_end(&mut sent, &Ok(())).unwrap();
        assert_eq!(receive(&mut &sent[..]).unwrap(), None);
    }

    #[test]
    fn an_answer_that_is_cut_off_or_hostile_is_a_failure() {
        for bytes in [
            &b""[..],
            b"d\0\0\0\x05four",
            b"d\xff\xff\xff\xff",
            b"x\0\0\0\0",
            b"e\0\0\0\x02{}",
        ] {
            assert!(receive(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
