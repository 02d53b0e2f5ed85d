//! Processes of this machine that may hold locks in a repository.
//!
//! Backup programs leave a lock in the repository when they are killed, and judge by host name
//! and process id whether its holder is gone. Clones of a machine have these in common. So each
//! invocation of a unit notes in a durable file of its own which processes it starts, before
//! they can take a lock, and each process holds a lock of that file as long as it lives,
//! whatever has become of the executor. A lock in a repository is ours if a noted process has
//! taken it, and its holder is gone if nobody holds the file.
//!
//! A note stays until it is proved that no lock of its processes is left. The next invocation of
//! the instance adopts it.

use std::cell::{RefCell, RefMut};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::base::cancel::Cancel;
use crate::base::directory;
use crate::base::lock::{self, Lock, Mode};
use crate::base::paths::{read_json, remove_if_there, write_atomically};
use crate::base::process::{self, Command, Exit, Line};
use crate::provider::trouble::printable;

/// The version of [`Note`].
const VERSION: u32 = 1;

/// Most processes of a note; the locks of earlier ones are not known as ours any more.
const MOST: usize = 1000;

/// Longest description of a lock, in characters.
const LONGEST: usize = 500;

/// Processes of one invocation, or of several of which all but the last are gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    version: u32,
    instance: String,
    /// The name by which borg's locks call their holder: no other note has it.
    owner: String,
    /// Those that may have left a lock, the last one last.
    processes: Vec<Process>,
}

/// A process, and when it lived.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    /// Name of the machine, as the kernel knows it.
    host: String,
    pid: u32,
    /// Not later than its start, UTC.
    started: Timestamp,
    /// Not earlier than its end, UTC; null if it is not known to have ended.
    ended: Option<Timestamp>,
}

/// The holder of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// A process of this machine that has ended.
    Gone,
    /// A process of this machine that lives.
    Alive,
    /// Nobody that was noted on this machine.
    Unknown,
}

/// The note of an invocation, made when it starts its first process.
#[derive(Debug)]
pub struct Holder {
    directory: PathBuf,
    /// Keeps [`Self::directory`] what it was, if that leads through this descriptor.
    anchor: Arc<OwnedFd>,
    instance: String,
    /// Name of the host in [`Note::owner`], for people.
    host: String,
    own: RefCell<Option<Own>>,
}

#[derive(Debug)]
struct Own {
    file: PathBuf,
    note: Note,
    lock: Lock,
}

impl Holder {
    /// For an invocation of `instance`, with the notes about one repository below `notes`, in
    /// the directory `repository`. A backup can put a link in its place, and a restore has
    /// more rights: none is followed.
    ///
    /// # Errors
    /// The directory cannot be created or opened, or is a link.
    pub fn new(notes: &Path, repository: &str, instance: &str, host: &str) -> Result<Self> {
        let directory = notes.join(repository);
        let open = || -> std::io::Result<OwnedFd> {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)?;
            directory::open(&fs::canonicalize(notes)?.join(repository))
        };
        let anchor = open().with_context(|| format!("cannot open {}", directory.display()))?;
        let number = anchor.as_raw_fd().to_string();
        Ok(Self {
            directory: Path::new("/proc/self/fd").join(number),
            anchor: Arc::new(anchor),
            instance: instance.to_owned(),
            host: host.to_owned(),
            own: RefCell::default(),
        })
    }

    /// Runs a program that may lock the repository; see [`process::run_while`].
    ///
    /// # Errors
    /// It cannot be noted, or cannot be started.
    pub fn run(
        &self,
        mut command: Command,
        cancel: &Cancel,
        goes_on: &mut dyn FnMut(Option<Line>) -> bool,
    ) -> Result<Exit> {
        let held = self.own()?.lock.share().context("cannot share a lock")?;
        command.held = Some(Arc::new(held));
        let before = Timestamp::now();
        let mut note = |pid| {
            let mut own = self.own()?;
            own.note.processes.push(Process {
                host: node_name(),
                pid,
                started: before,
                ended: None,
            });
            let superfluous = own.note.processes.len().saturating_sub(MOST);
            own.note.processes.drain(..superfluous);
            own.write()
        };
        let exit = process::run_noted(&command, cancel, &mut note, goes_on);
        let mut own = self.own()?;
        if exit.as_ref().is_ok_and(|exit| exit.code == Some(0)) {
            own.note.processes.pop();
        }
        own.note.end_all();
        exit
    }

    /// The name by which borg's locks call this holder.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub fn owner(&self) -> Result<String> {
        Ok(self.own()?.note.owner.clone())
    }

    /// The instance whose holder it is.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Notes that no process of this holder has left a lock.
    pub fn left_nothing(&self) {
        if let Some(own) = &mut *self.own.borrow_mut() {
            own.note.processes.clear();
        }
    }

    /// The other holders of this machine whose processes are gone, also those of other instances.
    ///
    /// # Errors
    /// The notes cannot be listed.
    pub fn gone(&self) -> Result<Vec<Self>> {
        let mut gone = Vec::new();
        for file in self.others()? {
            if let Some(own) = Own::take(file)? {
                gone.push(Self {
                    directory: self.directory.clone(),
                    anchor: self.anchor.clone(),
                    instance: own.note.instance.clone(),
                    host: self.host.clone(),
                    own: RefCell::new(Some(own)),
                });
            }
        }
        Ok(gone)
    }

    /// Finds out about the process `pid` of `host` that took a lock at `time`.
    ///
    /// # Errors
    /// The notes cannot be listed.
    pub fn holding(&self, host: &str, pid: u32, time: Timestamp) -> Result<Holding> {
        let mut notes = Vec::new();
        for file in self.others()? {
            let note = read(&file).unwrap_or_else(|error| {
                log::warn!("{error:#}");
                None
            });
            if let Some(mut note) = note {
                if Own::take(file)?.is_some() {
                    note.end_all();
                }
                notes.push(note);
            }
        }
        if let Some(own) = &*self.own.borrow() {
            notes.push(own.note.clone());
        }
        let processes = notes.iter().flat_map(|note| &note.processes);
        let mut found = Holding::Unknown;
        for process in processes.filter(|one| one.took(host, pid, time)) {
            if process.ended.is_none() {
                return Ok(Holding::Alive);
            }
            found = Holding::Gone;
        }
        Ok(found)
    }

    fn own(&self) -> Result<RefMut<'_, Own>> {
        if self.own.borrow().is_none() {
            let own = match self.adopt()? {
                Some(own) => own,
                None => self.create()?,
            };
            *self.own.borrow_mut() = Some(own);
        }
        RefMut::filter_map(self.own.borrow_mut(), Option::as_mut)
            .map_err(|_| anyhow::anyhow!("there is no note of the processes"))
    }

    fn adopt(&self) -> Result<Option<Own>> {
        for file in self.others()? {
            let is_ours = matches!(read(&file), Ok(Some(note)) if note.instance == self.instance);
            if is_ours && let Some(mut own) = Own::take(file)? {
                own.note.end_all();
                return Ok(Some(own));
            }
        }
        Ok(None)
    }

    fn create(&self) -> Result<Own> {
        let id = random()?;
        let file = self.directory.join(format!("{id}.json"));
        let lock = lock::try_file(&file.with_extension("lock"), Mode::Exclusive)?;
        let own = Own {
            lock: lock.context("another process has the same random number")?,
            file,
            note: Note {
                version: VERSION,
                instance: self.instance.clone(),
                owner: format!("{}@{}-{id}", self.instance, self.host),
                processes: Vec::new(),
            },
        };
        own.write()?;
        Ok(own)
    }

    /// Files of the other notes.
    fn others(&self) -> Result<Vec<PathBuf>> {
        let own = self.own.borrow();
        let own = own.as_ref().map(|own| own.file.as_path());
        let listed = || -> std::io::Result<Vec<PathBuf>> {
            let entries = match fs::read_dir(&self.directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            entries.map(|entry| Ok(entry?.path())).collect()
        };
        let mut files =
            listed().with_context(|| format!("cannot list {}", self.directory.display()))?;
        files.retain(|file| file.extension() == Some(OsStr::new("json")) && Some(&**file) != own);
        files.sort();
        Ok(files)
    }
}

impl Drop for Holder {
    /// Keeps the note as long as there may be a lock.
    fn drop(&mut self) {
        let Some(own) = self.own.get_mut() else {
            return;
        };
        let done = if own.note.processes.is_empty() {
            own.remove()
        } else {
            own.write()
        };
        if let Err(error) = done {
            log::warn!("{error:#}");
        }
    }
}

impl Own {
    /// Takes over a note if all of its processes are gone.
    fn take(file: PathBuf) -> Result<Option<Self>> {
        let Some(lock) = lock::try_file(&file.with_extension("lock"), Mode::Exclusive)? else {
            return Ok(None);
        };
        // One that cannot be read proves nothing: the locks of its processes are left alone.
        let note = read(&file).unwrap_or_else(|error| {
            log::warn!("{error:#}");
            None
        });
        Ok(note.map(|note| Self { file, note, lock }))
    }

    fn write(&self) -> Result<()> {
        write_atomically(&self.file, &serde_json::to_vec(&self.note)?)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    fn remove(&self) -> Result<()> {
        remove_if_there(&self.file)
            .and_then(|()| remove_if_there(&self.file.with_extension("lock")))
            .with_context(|| format!("cannot remove {}", self.file.display()))
    }
}

impl Note {
    fn end_all(&mut self) {
        let now = Timestamp::now();
        for process in &mut self.processes {
            process.ended.get_or_insert(now);
        }
    }
}

impl Process {
    fn took(&self, host: &str, pid: u32, time: Timestamp) -> bool {
        self.host == host
            && self.pid == pid
            && self.started <= time
            && self.ended.is_none_or(|ended| time <= ended)
    }
}

/// Name of this machine, as restic writes it into its locks.
pub fn node_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// A point in time and its age, for people.
pub fn since(time: Timestamp) -> String {
    let age = Timestamp::now().duration_since(time).as_secs().max(0);
    let age = SignedDuration::from_secs(age);
    format!("since {time:.0} ({age:#} ago)")
}

/// What a repository says of a lock, fit for a record.
pub fn described(text: &str) -> String {
    printable(text.as_bytes()).chars().take(LONGEST).collect()
}

fn read(file: &Path) -> Result<Option<Note>> {
    let note: Option<Note> = read_json(file)?;
    if let Some(note) = &note {
        anyhow::ensure!(
            note.version == VERSION,
            "{} has version {}, and this program knows {VERSION}",
            file.display(),
            note.version
        );
        // borg makes it a part of names of files, and a restore has more rights than the backup
        // that may have written this.
        anyhow::ensure!(
            is_file_name(&note.owner),
            "{} does not name its owner",
            file.display()
        );
    }
    Ok(note)
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c == '/' || c.is_control())
}

fn random() -> Result<String> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
