//! Watches plans, records and state files.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::Change;
use crate::base::paths::Host;

/// Content of a watched directory.
#[derive(Clone, Debug)]
enum Place {
    /// The plans, or the directories of all instances.
    All,
    /// Files of this instance.
    Of(String),
    /// What the monitor keeps.
    Monitor,
}

/// The watched directories.
#[derive(Debug)]
pub(super) struct Files {
    inotify: Arc<OwnedFd>,
    places: Arc<Mutex<HashMap<i32, Place>>>,
}

impl Files {
    /// Starts without any directory.
    ///
    /// # Errors
    /// The limit of inotify instances of this user is reached.
    pub(super) fn watch(events: Sender<Change>) -> io::Result<Self> {
        let files = Self {
            inotify: Arc::new(inotify::init(CreateFlags::CLOEXEC)?),
            places: Arc::default(),
        };
        let inotify = Arc::clone(&files.inotify);
        let places = Arc::clone(&files.places);
        thread::spawn(move || read(&inotify, &places, &events));
        Ok(files)
    }

    /// Adds the directories of instances. Missing ones are skipped: call again once they exist.
    pub(super) fn add<'a>(&self, host: &Host, instances: impl Iterator<Item = &'a str>) {
        self.place(&host.plans(), &Place::All);
        self.place(&host.events(), &Place::Monitor);
        let mut parents = Vec::new();
        for name in instances {
            let directories = host.instance(name);
            for directory in [directories.state, directories.runtime] {
                self.place(&directory, &Place::Of(name.to_owned()));
                parents.extend(directory.parent().map(Path::to_owned));
            }
        }
        parents.sort();
        parents.dedup();
        for parent in parents {
            self.place(&parent, &Place::All);
        }
    }

    fn place(&self, directory: &Path, place: &Place) {
        // Files are replaced by renaming, so half-written ones are never reported.
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::CREATE
            | WatchFlags::ONLYDIR;
        match inotify::add_watch(&*self.inotify, directory, flags) {
            Ok(watch) => {
                let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                places.insert(watch, place.clone());
            }
            Err(Errno::NOENT) => {}
            Err(error) => log::warn!("cannot watch {}: {error}", directory.display()),
        }
    }
}

fn read(inotify: &OwnedFd, places: &Mutex<HashMap<i32, Place>>, events: &Sender<Change>) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    loop {
        let event = match reader.next() {
            Ok(event) => event,
            Err(Errno::INTR) => continue,
            Err(error) => {
                log::error!("cannot watch the state files any longer: {error}");
                let _ = events.send(Change::Quit);
                return;
            }
        };
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        let change = if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            Change::Everything
        } else if event.events().contains(ReadFlags::IGNORED) {
            places.remove(&event.wd());
            continue;
        } else {
            match places.get(&event.wd()) {
                Some(Place::All) => Change::Everything,
                Some(Place::Of(name))
                    if event.file_name().is_some_and(|f| is_relevant(f.to_bytes())) =>
                {
                    Change::Instance(name.clone())
                }
                Some(Place::Monitor)
                    if event
                        .file_name()
                        .is_some_and(|f| f.to_bytes() == b"cursor.json") =>
                {
                    Change::Everything
                }
                _ => continue,
            }
        };
        drop(places);
        if events.send(change).is_err() {
            return;
        }
    }
}

/// Whether properties depend on a file.
fn is_relevant(name: &[u8]) -> bool {
    [
        &b"state.json"[..],
        b"maintenance-state.json",
        b"restore-state.json",
        b"restores.json",
        b"last-run.json",
        b"last-maintenance.json",
        b"last-results.json",
    ]
    .contains(&name)
}
