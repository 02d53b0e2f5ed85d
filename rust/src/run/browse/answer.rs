//! Answers to requests.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::is_gone;
use super::wire::{self, Listed, Question, Request, Wanted};
use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::plan::Plan;
use crate::plan::pattern::Pattern;
use crate::provider::entry::{Change, Depth, Entry, EntryKind, lossy};
use crate::provider::{Provider, Snapshot};
use crate::report::Report;
use crate::run::invocation::Invocation;
use crate::run::locked::unlocking;
use crate::run::restore::select;
use crate::run::{guards, locks, unverified};

/// One request that is answered.
pub(super) struct Browser<'a> {
    instance: &'a str,
    provider: Box<dyn Provider>,
    cancel: &'a Cancel,
    report: &'a mut Report,
    reader: &'a UnixStream,
    /// The snapshots, oldest first.
    snapshots: Vec<Snapshot>,
}

impl<'a> Browser<'a> {
    /// Reads which snapshots there are.
    pub(super) fn open(
        plan: &'a Plan,
        request: &Request,
        invocation: &'a Invocation<'_>,
        report: &'a mut Report,
        reader: &'a UnixStream,
    ) -> Result<Self, Failure> {
        guards::credentials(plan, invocation)?;
        let mut of_host = plan.clone();
        if let Some(host) = &request.host {
            host.clone_into(&mut of_host.host);
        }
        let directories = &invocation.directories;
        let provider = (invocation.open)(&of_host, &invocation.credentials, directories)?;
        let looking = locks::looking(plan, invocation, report)?;
        let mut snapshots = unlocking(&*provider, report, invocation.cancel, |job| {
            provider.snapshots(job)
        })?;
        drop(looking);
        unverified::apply(directories, &mut snapshots)?;
        Ok(Self {
            instance: &plan.instance,
            provider,
            cancel: invocation.cancel,
            report,
            reader,
            snapshots,
        })
    }

    /// Sends the answer.
    pub(super) fn answer(mut self, question: &Question) -> Result<(), Failure> {
        match question {
            Question::List {
                snapshot,
                path,
                recursive,
            } => {
                let snapshot = self.snapshot(snapshot)?;
                let path = path.as_ref().map(wire::RawPath::path);
                self.list_directory(&snapshot, path.as_deref(), *recursive)
            }
            Question::Find { pattern, snapshot } => {
                let pattern = Pattern::parse(pattern).map_err(|mistake| {
                    Failure::new(format!("the pattern {pattern:?} {mistake}"), mistake.remedy)
                })?;
                let snapshots = match snapshot {
                    Some(wanted) => vec![self.snapshot(wanted)?],
                    None => self.snapshots.iter().rev().cloned().collect(),
                };
                self.find(&pattern, &snapshots)
            }
            Question::Dump { snapshot, path } => {
                let snapshot = self.snapshot(snapshot)?;
                self.dump(&snapshot, &path.path())
            }
            Question::Diff { from, to } => {
                let (from, to) = (self.snapshot(from)?, self.snapshot(to)?);
                self.diff(&from, &to)
            }
        }
    }

    fn snapshot(&self, wanted: &Wanted) -> Result<Snapshot, Failure> {
        select::choose(&self.snapshots, &wanted.id, wanted.until, self.instance).cloned()
    }

    /// Without a path: the directories that were backed up.
    fn list_directory(
        &mut self,
        snapshot: &Snapshot,
        path: Option<&Path>,
        recursive: bool,
    ) -> Result<(), Failure> {
        let depth = match path {
            _ if recursive => Depth::All,
            Some(_) => Depth::Children,
            None => Depth::Itself,
        };
        let reader = self.reader;
        let Some(path) = path else {
            return self.each(snapshot, &roots(snapshot), depth, &mut |entry| {
                send(reader, &listed(snapshot, entry))
            });
        };
        check_within(snapshot, path)?;
        let name = lossy(path);
        let mut found = false;
        self.each(snapshot, &[path.to_owned()], depth, &mut |entry| {
            if entry.path == name {
                found = true;
                // As in `ls`: a directory stands for what is in it.
                if entry.kind == EntryKind::Directory {
                    return Ok(());
                }
            }
            send(reader, &listed(snapshot, entry))
        })?;
        if found {
            Ok(())
        } else {
            Err(self.not_held(snapshot, path))
        }
    }

    fn find(&mut self, pattern: &Pattern, snapshots: &[Snapshot]) -> Result<(), Failure> {
        let mut count = 0_u64;
        let reader = self.reader;
        for snapshot in snapshots {
            self.each(snapshot, &roots(snapshot), Depth::All, &mut |entry| {
                if !pattern.finds(&entry.path) {
                    return Ok(());
                }
                count += 1;
                send(reader, &listed(snapshot, entry))
            })?;
        }
        if count > 0 {
            return Ok(());
        }
        Err(Failure::new(
            format!(
                "nothing of that name is in {}",
                match snapshots {
                    [one] => format!("the snapshot {}", one.id),
                    all => format!("any of the {} snapshots of {}", all.len(), self.instance),
                }
            ),
            "a name is found at any depth, with `*` for any characters: such as '*.php'; a path starts with `/`",
        ))
    }

    fn dump(&mut self, snapshot: &Snapshot, path: &Path) -> Result<(), Failure> {
        check_within(snapshot, path)?;
        let mut path = path.to_owned();
        let mut file = self.look_up(snapshot, &path)?;
        if let Some(stored) = file.as_mut().and_then(|file| file.stored_as.take()) {
            path = stored;
            file = self.look_up(snapshot, &path)?;
        }
        let Some(file) = file else {
            return Err(self.not_held(snapshot, &path));
        };
        if file.kind != EntryKind::File {
            return Err(Failure::new(
                format!(
                    "{} is not a regular file in the snapshot {}",
                    path.display(),
                    snapshot.id
                ),
                format!(
                    "list a directory with `backupservice ls`; restore anything with \
                     `backupservice restore {} --snapshot {} --path {} --target DIR`",
                    self.instance,
                    snapshot.id,
                    path.display()
                ),
            ));
        }
        let mut length = 0;
        let reader = self.reader;
        let provider = &*self.provider;
        unlocking(provider, self.report, self.cancel, |job| {
            let mut each = |piece: &[u8]| {
                length += piece.len() as u64;
                wire::send(&mut &*reader, piece).map_err(|error| broken(reader, error))
            };
            provider.dump(snapshot, &path, &mut each, job)
        })?;
        if file.size == Some(length) {
            return Ok(());
        }
        Err(Failure::new(
            format!(
                "{} has {} bytes, but {length} were read",
                path.display(),
                file.size.unwrap_or_default()
            ),
            format!(
                "check the repository with `backupservice check {} --read-all`",
                self.instance
            ),
        ))
    }

    fn diff(&mut self, from: &Snapshot, to: &Snapshot) -> Result<(), Failure> {
        // Those above the sources are not part of the backup.
        let mut sources: Vec<String> = roots(from).iter().map(|path| lossy(path)).collect();
        sources.extend(roots(to).iter().map(|path| lossy(path)));
        let reader = self.reader;
        let provider = &*self.provider;
        unlocking(provider, self.report, self.cancel, |job| {
            let mut each = |change: Change| {
                if Depth::All.reaches(&sources, &change.path) {
                    send(reader, &change)
                } else {
                    Ok(())
                }
            };
            provider.diff(from, to, &mut each, job)
        })
    }

    /// What is at `path`.
    fn look_up(&mut self, snapshot: &Snapshot, path: &Path) -> Result<Option<Entry>, Failure> {
        let mut found = None;
        self.each(snapshot, &[path.to_owned()], Depth::Itself, &mut |entry| {
            found = Some(entry);
            Ok(())
        })?;
        Ok(found)
    }

    fn each(
        &mut self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        depth: Depth,
        each: &mut dyn FnMut(Entry) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let provider = &*self.provider;
        unlocking(provider, self.report, self.cancel, |job| {
            provider.list(snapshot, paths, depth, each, job)
        })
    }

    fn not_held(&self, snapshot: &Snapshot, path: &Path) -> Failure {
        let name = path.file_name().unwrap_or_default();
        Failure::new(
            format!(
                "the snapshot {} does not hold {}",
                snapshot.id,
                path.display()
            ),
            format!(
                "look for it in all snapshots with `backupservice find {} '{}'`",
                self.instance,
                name.display()
            ),
        )
    }
}

/// Fails unless `path` is in a directory that was backed up.
fn check_within(snapshot: &Snapshot, path: &Path) -> Result<(), Failure> {
    let roots = roots(snapshot);
    if roots.iter().any(|root| path.starts_with(root)) {
        return Ok(());
    }
    let roots: Vec<String> = roots
        .iter()
        .map(|root| root.display().to_string())
        .collect();
    Err(Failure::new(
        format!(
            "the snapshot {} does not hold {}",
            snapshot.id,
            path.display()
        ),
        format!(
            "it holds {}: give one of these, or a path below",
            roots.join(", ")
        ),
    ))
}

/// The directories that were backed up; the root directory if the snapshot does not tell.
fn roots(snapshot: &Snapshot) -> Vec<PathBuf> {
    if snapshot.paths.is_empty() {
        return vec!["/".into()];
    }
    snapshot.paths.clone()
}

fn listed(snapshot: &Snapshot, entry: Entry) -> Listed {
    Listed {
        snapshot: snapshot.id.clone(),
        snapshot_time: snapshot.time,
        entry,
    }
}

fn send(reader: &UnixStream, item: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_vec(item).map_err(anyhow::Error::from)?;
    wire::send(&mut &*reader, &json).map_err(|error| broken(reader, error))
}

/// The reader cannot be reached any more.
fn broken(reader: &UnixStream, error: io::Error) -> Failure {
    // It has a part of a message: whatever came next would be taken for the rest.
    reader.shutdown(Shutdown::Both).ok();
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::new(
            "the reader took nothing for 5 minutes, and reading was ended, so that it holds up no backup",
            "write the output into a file, and look at that",
        ),
        _ if is_gone(&error) => Failure::cancelled("reading: the reader is gone"),
        _ => anyhow::Error::from(error)
            .context("cannot send to the reader")
            .into(),
    }
}
