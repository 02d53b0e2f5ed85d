//! A provider that does what a script says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use backupservice::base::cancel::Cancel;
use backupservice::base::measure::Totals;
use backupservice::base::outcome::{Failure, FailureKind};
use backupservice::base::problem::Problem;
use backupservice::plan::Retention;
use backupservice::provider::entry::{Change, Depth, Each, EachPiece, Entry};
use backupservice::provider::{
    Backup, Contents, Forgotten, Job, LastSnapshot, Look, Provider, Selection, Snapshot, Unlocked,
};
use jiff::Timestamp;
use rustix::process::{getegid, geteuid};

use super::Log;

/// What the provider will do; by default everything succeeds.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // each a switch of its own
pub struct Script {
    pub backups: VecDeque<Result<Option<Problem>, FailureKind>>,
    pub during_backup: Option<Box<dyn Fn()>>,
    pub fails_to_restore: bool,
    /// Is told the directory into which is restored.
    pub during_restore: Option<DuringRestore>,
    pub missing: Vec<PathBuf>,
    pub no_snapshots: bool,
    /// An `unlock` is worth trying again for.
    pub unlocks: bool,
    pub no_repository: bool,
    /// The size that a backup is said to have.
    pub bytes: Option<u64>,
    /// What goes wrong in `forget`, `prune` and `check`, each once.
    pub maintenance: VecDeque<(&'static str, FailureKind)>,
    /// When the only snapshot was made.
    pub saved: Option<Timestamp>,
    /// User and group of all files, unless they are our own.
    pub owner: Option<(u32, u32)>,
    /// Number of files that should be restored and are not.
    pub unrestored: usize,
    /// What is not there any more after everything was restored.
    pub loses: Option<PathBuf>,
}

type DuringRestore = Box<dyn Fn(&Path)>;

pub struct FakeProvider {
    script: Rc<RefCell<Script>>,
    log: Log,
    cancel: Cancel,
}

impl FakeProvider {
    pub fn new(script: &Rc<RefCell<Script>>, log: &Log, cancel: &Cancel) -> Self {
        Self {
            script: script.clone(),
            log: log.clone(),
            cancel: cancel.clone(),
        }
    }

    /// A step of a maintenance.
    fn step(&self, step: &str, what: String) -> Result<(), Failure> {
        self.log.happens(what);
        let mut script = self.script.borrow_mut();
        if script
            .maintenance
            .front()
            .is_some_and(|(at, _)| *at == step)
            && let Some((_, kind)) = script.maintenance.pop_front()
        {
            return Err(Failure::of(
                kind,
                Problem::new("it went wrong", "do something"),
            ));
        }
        Ok(())
    }
}

impl Provider for FakeProvider {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn init(&self, _: &mut Job<'_>) -> Result<(), Failure> {
        self.log.happens("init");
        Ok(())
    }

    fn backup(&self, selection: &Selection<'_>, _: &mut Job<'_>) -> Result<Backup, Failure> {
        let paths: Vec<String> = selection
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        self.log.happens(format!("back up {}", paths.join(" ")));
        let mut script = self.script.borrow_mut();
        if let Some(during) = &script.during_backup {
            during();
        }
        if self.cancel.requested() {
            return Err(Failure::cancelled("backup"));
        }
        match script.backups.pop_front().unwrap_or(Ok(None)) {
            Ok(incomplete) => Ok(Backup {
                saved: LastSnapshot {
                    snapshot: "abc".to_owned(),
                    repository: None,
                },
                totals: Totals {
                    files: 1,
                    bytes: script.bytes.unwrap_or(7),
                    bytes_added: 5,
                },
                incomplete,
            }),
            Err(kind) => Err(Failure::of(
                kind,
                Problem::new("it went wrong", "do something"),
            )),
        }
    }

    fn mark_incomplete(&self, snapshot: &str, _: &mut Job<'_>) -> Result<String, Failure> {
        self.log.happens(format!("mark {snapshot}"));
        Ok(format!("{snapshot}-marked"))
    }

    fn unlock(&self, _: &mut Job<'_>) -> Result<Unlocked, Failure> {
        self.log.happens("unlock");
        Ok(Unlocked {
            removed: self.script.borrow().unlocks,
            left: Vec::new(),
        })
    }

    fn snapshots(&self, _: &mut Job<'_>) -> Result<Vec<Snapshot>, Failure> {
        if self.script.borrow().no_repository {
            let problem = Problem::new("there is no repository", "make one");
            return Err(Failure::of(FailureKind::NoRepository, problem));
        }
        if self.script.borrow().no_snapshots {
            return Ok(Vec::new());
        }
        Ok(vec![Snapshot {
            original: None,
            id: "abc".to_owned(),
            time: self.script.borrow().saved.unwrap_or(Timestamp::UNIX_EPOCH),
            complete: true,
            paths: Vec::new(),
            totals: None,
        }])
    }

    fn missing(
        &self,
        _: &Snapshot,
        _: &[PathBuf],
        _: &mut Job<'_>,
    ) -> Result<Vec<PathBuf>, Failure> {
        Ok(self.script.borrow().missing.clone())
    }

    fn contents(
        &self,
        _: &Snapshot,
        paths: &[PathBuf],
        _: &mut Job<'_>,
    ) -> Result<Contents, Failure> {
        let script = self.script.borrow();
        let own = (geteuid().as_raw(), getegid().as_raw());
        let (user, group) = script.owner.unwrap_or(own);
        let mut contents = Contents {
            bytes: script.bytes.unwrap_or(7),
            ..Contents::default()
        };
        for _ in 0..2 * paths.len() + script.unrestored {
            contents.owners.add(user, group);
        }
        Ok(contents)
    }

    /// Everything it restores is a directory with one file, but for dumps.
    fn restore(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        into: &Path,
        _: &mut Job<'_>,
    ) -> Result<(), Failure> {
        self.log
            .happens(format!("restore {}:{}", snapshot.id, path.display()));
        let restored = into.join(path.file_name().unwrap());
        if path.iter().any(|part| part == ".staging") {
            fs::write(restored, "dump").unwrap();
            if let Some(lost) = &self.script.borrow().loses {
                fs::remove_dir_all(lost).unwrap();
            }
            return Ok(());
        }
        if let Some(during) = &self.script.borrow().during_restore {
            during(into);
        }
        fs::create_dir(&restored).unwrap();
        if self.script.borrow().fails_to_restore {
            return Err(Failure::new("restoring went wrong", "try another snapshot"));
        }
        fs::write(restored.join("file"), "restored").unwrap();
        Ok(())
    }

    fn forget(&self, keep: &Retention, _: &mut Job<'_>) -> Result<Forgotten, Failure> {
        let rules: Vec<String> = keep
            .rules()
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        self.step("forget", format!("forget but {}", rules.join(", ")))?;
        Ok(Forgotten {
            removed: vec!["old".to_owned()],
            kept: 2,
        })
    }

    fn prune(&self, _: &mut Job<'_>) -> Result<Option<u64>, Failure> {
        self.step("prune", "prune".to_owned())?;
        Ok(Some(4096))
    }

    fn check(&self, read_data: u8, _: &mut Job<'_>) -> Result<(), Failure> {
        self.step("check", format!("check {read_data} %"))
    }
}

impl Look for FakeProvider {
    fn list(
        &self,
        _: &Snapshot,
        _: &[PathBuf],
        _: Depth,
        _: &mut Each<'_, Entry>,
        _: &mut Job<'_>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    fn dump(
        &self,
        _: &Snapshot,
        _: &Path,
        _: &mut EachPiece<'_>,
        _: &mut Job<'_>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    fn diff(
        &self,
        _: &Snapshot,
        _: &Snapshot,
        _: &mut Each<'_, Change>,
        _: &mut Job<'_>,
    ) -> Result<(), Failure> {
        Ok(())
    }
}
