//! Machines on which the provider is real.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use backupservice::base::cancel::Cancel;
use backupservice::base::measure::Progress;
use backupservice::base::outcome::Failure;
use backupservice::provider::{self, Backup, Job, Observer, Provider, Selection, Snapshot};

use super::{Machine, tools};

/// The same tests for each provider: functions that are given the program.
macro_rules! with_each_provider {
    ($($test:ident)*) => {
        mod restic {
            use super::Program;
            $(#[test] fn $test() { super::$test(Program::Restic); })*
        }
        mod borg {
            use super::Program;
            $(#[test] fn $test() { super::$test(Program::Borg); })*
        }
    };
}

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

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Program {
    Restic,
    Borg,
}

pub fn machine(program: Program) -> Option<Machine> {
    let machine = machine_without_repository(program)?;
    with(&machine, |provider, job| {
        assert_eq!(provider.init(job), Ok(()));
    });
    Some(machine)
}

pub fn machine_without_repository(program: Program) -> Option<Machine> {
    let (name, found) = match program {
        Program::Restic => ("restic", tools::restic()?),
        Program::Borg => ("borg", tools::borg()?),
    };
    let mut machine = Machine::new();
    machine.plan["provider"]["type"] = name.into();
    machine.plan["provider"]["program"] = found.to_str().unwrap().into();
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
        one_file_system: false,
        staging: None,
        last: None,
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

/// borg as the provider would call it.
pub fn borg(machine: &Machine) -> Command {
    let state = machine.directories().provider;
    let program: &Path = &machine.parsed_plan().provider.program;
    let mut command = Command::new(program);
    command
        .env("BORG_EXIT_CODES", "modern")
        .env("BORG_REPO", machine.path("repository"))
        .env("BORG_PASSPHRASE", "secret")
        .env("BORG_BASE_DIR", machine.directories().cache)
        .env("BORG_SECURITY_DIR", state.join("security"));
    command
}

/// The names of all of borg's archives, checkpoints too.
pub fn archives(machine: &Machine) -> Vec<String> {
    let output = borg(machine)
        .args(["list", "--short", "--consider-checkpoints"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

pub fn snapshots(machine: &Machine) -> Vec<Snapshot> {
    with(machine, |provider, job| provider.snapshots(job).unwrap())
}

pub fn back_up_source(machine: &Machine) -> Result<String, Failure> {
    back_up(machine, &[machine.source()]).map(|backup| backup.saved.snapshot)
}

/// The next backup is killed when it has locked the repository.
pub fn next_backup_dies(machine: &mut Machine) {
    next_dies(machine, "dies");
}

/// The next process of borg is killed when it has begun to lock the repository.
pub fn next_borg_dies_while_it_locks(machine: &mut Machine) {
    next_dies(machine, "dies-locking");
}

fn next_dies(machine: &mut Machine, how: &str) {
    let program = machine.path("provider/program");
    if !program.exists() {
        std::fs::create_dir(machine.path("provider")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/common/dying.sh");
        symlink(script, &program).unwrap();
        let real = machine.parsed_plan().provider.program;
        symlink(real, machine.path("provider/real")).unwrap();
        machine.plan["provider"]["program"] = program.to_str().unwrap().into();
    }
    File::create(machine.path("provider").join(how)).unwrap();
}

/// So many bytes that no other file has.
pub fn random(length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let source = File::open("/dev/urandom").unwrap();
    source.take(length).read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn run(command: &mut Command) {
    let status = command.stdout(std::process::Stdio::null()).status();
    assert!(status.unwrap().success(), "{command:?}");
}
