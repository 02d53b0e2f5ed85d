//! A provider that does what a script says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use backupservice::cancel::Cancel;
use backupservice::measure::Totals;
use backupservice::outcome::{Failure, Kind};
use backupservice::problem::Problem;
use backupservice::provider::{Backup, Job, Provider, Selection, Snapshot};
use jiff::Timestamp;

use super::Log;

/// What the provider will do; by default everything succeeds.
#[derive(Default)]
pub struct Script {
    pub backups: VecDeque<Result<Option<Problem>, Kind>>,
    pub during_backup: Option<Box<dyn Fn()>>,
    pub fails_to_restore: bool,
    pub missing: Vec<PathBuf>,
    pub no_snapshots: bool,
    pub no_repository: bool,
}

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
                snapshot: "abc".to_owned(),
                totals: Totals {
                    files: 1,
                    bytes: 7,
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

    fn snapshots(&self, _: &mut Job<'_>) -> Result<Vec<Snapshot>, Failure> {
        if self.script.borrow().no_repository {
            let problem = Problem::new("there is no repository", "make one");
            return Err(Failure::of(Kind::NoRepository, problem));
        }
        if self.script.borrow().no_snapshots {
            return Ok(Vec::new());
        }
        Ok(vec![Snapshot {
            id: "abc".to_owned(),
            time: Timestamp::UNIX_EPOCH,
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
        if into.ends_with("staging") {
            fs::write(restored, "dump").unwrap();
            return Ok(());
        }
        fs::create_dir(&restored).unwrap();
        if self.script.borrow().fails_to_restore {
            return Err(Failure::new("restoring went wrong", "try another snapshot"));
        }
        fs::write(restored.join("file"), "restored").unwrap();
        Ok(())
    }
}
