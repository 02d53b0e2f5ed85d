//! Machines on which restic is real.

use std::path::{Path, PathBuf};
use std::process::Command;

use backupservice::cancel::Cancel;
use backupservice::measure::Progress;
use backupservice::outcome::Failure;
use backupservice::provider::{self, Backup, Job, Observer, Provider, Selection, Snapshot};

use super::{Machine, tools};

#[derive(Default)]
pub struct Told {
    pub progress: Vec<Progress>,
}

impl Observer for Told {
    fn progress(&mut self, progress: &Progress) {
        self.progress.push(*progress);
    }

    fn note(&mut self, text: &str) {
        println!("{text}");
    }
}

pub fn machine() -> Option<Machine> {
    let machine = machine_without_repository()?;
    with(&machine, |provider, job| {
        assert_eq!(provider.init(job), Ok(()));
    });
    Some(machine)
}

pub fn machine_without_repository() -> Option<Machine> {
    let program = tools::restic()?;
    let mut machine = Machine::new();
    machine.plan["provider"]["program"] = program.to_str().unwrap().into();
    Some(machine)
}

pub fn open(machine: &Machine) -> Box<dyn Provider> {
    let plan = machine.parsed_plan();
    let directories = machine.directories();
    provider::open(&plan, &machine.path("credentials"), &directories).unwrap()
}

pub fn with<T>(machine: &Machine, work: impl FnOnce(&dyn Provider, &mut Job<'_>) -> T) -> T {
    let cancel = Cancel::never();
    let mut job = Job {
        cancel: &cancel,
        observer: &mut Told::default(),
    };
    work(&*open(machine), &mut job)
}

pub fn back_up(machine: &Machine, paths: &[PathBuf]) -> Result<Backup, Failure> {
    let selection = Selection {
        paths,
        exclude: &[],
    };
    let mut job = Job {
        cancel: &machine.cancel,
        observer: &mut Told::default(),
    };
    open(machine).backup(&selection, &mut job)
}

pub fn only(provider: &dyn Provider, job: &mut Job<'_>, id: &str) -> Snapshot {
    let all = provider.snapshots(job).unwrap();
    all.into_iter().find(|snapshot| snapshot.id == id).unwrap()
}

pub fn restic(machine: &Machine) -> Command {
    let path = |below: &str| -> PathBuf { machine.path(below) };
    let program: &Path = &machine.parsed_plan().provider.program;
    let mut command = Command::new(program);
    command
        .env("RESTIC_REPOSITORY", path("repository"))
        .env("RESTIC_PASSWORD_FILE", path("credentials/password"))
        .env("RESTIC_CACHE_DIR", machine.directories().cache);
    command
}
