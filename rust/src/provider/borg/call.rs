//! One call of borg, from its arguments to its exit.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::exits::{EMPTY_DIRECTORY, NOTHING_ON_SERVER, ONLY_LOCKS, TABLE};
use super::messages::{self, Message, Said};
use super::settings::{HOST_ID, Settings};
use crate::base::measure::Progress;
use crate::base::outcome::Failure;
use crate::base::problem::Problem;
use crate::base::process::{Command, Exit, Line, Output};
use crate::provider::entry::EachPiece;
use crate::provider::exit_table::{self, ExitClass, ProgramExit, ProviderOperation, Row};
use crate::provider::holder::Holder;
use crate::provider::trouble::{self, Trouble};
use crate::provider::{Job, Observer, foreign, ssh};

/// Seconds to wait for a lock. Services may be stopped meanwhile, so the rest of the waiting
/// is left to another attempt.
const LOCK_WAIT: &str = "10";
const NOT_A_REPOSITORY: i32 = 15;
const SOMETHING_ELSE: i32 = 19;
/// The same, of a server, where the exit status is that of any error.
const INVALID: &str = " is not a valid repository. Check repo config.";
/// How the names of borg's locks begin (borg 1.4, `locking.py`).
const LOCKS: &[u8] = b"lock.";
const WRONG_PASSWORD: i32 = 52;
/// Number of last messages to keep.
const REMEMBERED: usize = 20;

/// Calls that lock the repository and the cache, and so have removed every lock of the holder.
const COMPLETE: &[ProviderOperation] = &[
    ProviderOperation::Backup,
    ProviderOperation::Mark,
    ProviderOperation::Forget,
];

/// A call to be made.
pub struct Call<'a> {
    settings: &'a Settings,
    holder: &'a Holder,
    operation: ProviderOperation,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    made: Option<PathBuf>,
}

/// A call that ended.
pub struct Done<'a> {
    settings: &'a Settings,
    operation: ProviderOperation,
    exit: Exit,
    made: Option<PathBuf>,
    messages: VecDeque<String>,
    errors: VecDeque<String>,
    refusal: Option<String>,
    trouble: Trouble,
    /// Standard output.
    pub text: Vec<u8>,
}

impl<'a> Call<'a> {
    pub fn new(settings: &'a Settings, operation: ProviderOperation) -> Self {
        let mut arguments = ["--log-json", "--lock-wait", LOCK_WAIT]
            .map(OsString::from)
            .to_vec();
        if matches!(
            operation,
            ProviderOperation::Backup | ProviderOperation::Restore
        ) {
            arguments.push("--progress".into());
        }
        Self {
            settings,
            holder: &settings.holder,
            operation,
            arguments,
            directory: None,
            made: None,
        }
    }

    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Holds its locks under the name of another holder.
    pub fn by(mut self, holder: &'a Holder) -> Self {
        self.holder = holder;
        self
    }

    /// Makes `name` in `directory`.
    pub fn making(mut self, directory: &Path, name: &Path) -> Self {
        self.made = Some(directory.join(name));
        self.directory = Some(directory.to_owned());
        self
    }

    pub fn run(self, job: &mut Job<'_>) -> Result<Done<'a>, Failure> {
        self.run_with(Output::Lines, None, job)
    }

    /// Passes standard output on to `each`, instead of keeping it.
    pub fn run_for(
        self,
        output: Output,
        each: &mut EachPiece<'_>,
        job: &mut Job<'_>,
    ) -> Result<Done<'a>, Failure> {
        self.run_with(output, Some(each), job)
    }

    fn run_with(
        self,
        output: Output,
        mut each: Option<&mut EachPiece<'_>>,
        job: &mut Job<'_>,
    ) -> Result<Done<'a>, Failure> {
        let mut environment = self.settings.environment.clone();
        environment.push((HOST_ID.to_owned(), self.holder.owner()?.into()));
        let command = Command {
            program: self.settings.program.clone(),
            arguments: self.arguments,
            environment,
            directory: self.directory,
            output,
            ..Command::default()
        };
        let mut done = Done {
            settings: self.settings,
            operation: self.operation,
            exit: Exit {
                code: None,
                signal: None,
                cancelled: false,
            },
            made: self.made,
            messages: VecDeque::new(),
            errors: VecDeque::new(),
            refusal: None,
            trouble: Trouble::default(),
            text: Vec::new(),
        };
        let mut refused = None;
        // borg would lock it before it looks, and `init` refuses a directory with a lock in it.
        if self.operation != ProviderOperation::Init
            && let Some(local) = &done.settings.local
            && names_in(local).is_ok_and(|names| names.is_empty())
        {
            done.exit.code = Some(NOT_A_REPOSITORY);
            done.errors.push_front(EMPTY_DIRECTORY.to_owned());
            return Ok(done);
        }
        done.exit = self.holder.run(command, job.cancel, &mut |line| {
            match (line, &mut each) {
                (Some(Line::Out(_)), Some(_)) if refused.is_some() => {}
                (Some(Line::Out(output)), Some(each)) => refused = each(&output).err(),
                (Some(line), _) => done.take(line, &mut *job.observer),
                (None, _) => {}
            }
            refused.is_none()
        })?;
        if done.exit.code == Some(0) && COMPLETE.contains(&self.operation) {
            self.holder.left_nothing();
        }
        if let Some(log) = &self.settings.ssh_log {
            let lines = log.take()?;
            done.refusal = ssh::refusal(&lines);
            for line in lines {
                done.take(Line::Err(line), &mut *job.observer);
            }
        }
        if let Some(failure) = refused {
            return Err(failure);
        }
        if let Some(found) = done.found() {
            done.errors.push_front(found.to_owned());
        }
        Ok(done)
    }
}

impl Done<'_> {
    /// What borg does not tell about the place of the repository after a failure.
    fn found(&self) -> Option<&'static str> {
        if self.exit.code == Some(0) {
            return None;
        }
        let is_none = self.exit.code == Some(NOT_A_REPOSITORY)
            || self.errors.iter().any(|error| error.ends_with(INVALID));
        let is_something = self.exit.code == Some(SOMETHING_ELSE);
        match &self.settings.local {
            Some(local) if foreign::is_of_restic(local) => Some(foreign::RESTIC),
            Some(local) if is_none && holds_nothing(local) => Some(EMPTY_DIRECTORY),
            Some(local) if is_something && holds_nothing(local) => Some(ONLY_LOCKS),
            None if is_none => Some(NOTHING_ON_SERVER),
            _ => None,
        }
    }

    /// What ssh refused, or the operating system.
    fn reason(&self) -> Option<String> {
        let location = self.settings.public_location.as_ref()?;
        let mut errors = self.errors.iter().rev();
        let of_system = || errors.find_map(|error| messages::reason(error, location));
        self.refusal.clone().or_else(of_system)
    }

    /// The row of the table, unless it is a failure.
    pub fn check(&self) -> Result<&'static Row, Failure> {
        let messages: Vec<String> = self.messages.iter().chain(&self.errors).cloned().collect();
        let reason = self.reason();
        let exit = ProgramExit {
            operation: self.operation,
            status: self.exit,
            messages: &messages,
            proved: self.proved(),
            reason: reason.as_deref(),
        };
        match exit_table::classify(TABLE, &exit) {
            Some(row) if !matches!(row.class, ExitClass::Failure(_)) => Ok(row),
            row => {
                let failure = exit_table::failure(super::NAME, row, &exit, &self.trouble);
                Err(self.explain(failure))
            }
        }
    }

    /// Why a snapshot does not hold everything, if that is the meaning of the `row`.
    pub fn incomplete(&self, row: &Row) -> Option<Problem> {
        (row.class == ExitClass::Incomplete).then(|| {
            let mut problem = exit_table::incomplete(row, self.messages.back(), &self.trouble);
            self.fill(&mut problem);
            problem
        })
    }

    /// The last message that contains `text`.
    pub fn said(&self, text: &str) -> Option<&str> {
        let mut messages = self.messages.iter().rev().map(String::as_str);
        messages.find(|message| message.contains(text))
    }

    /// borg says nothing about an `init` or `rename` that went well.
    fn proved(&self) -> bool {
        match self.operation {
            ProviderOperation::Backup => {
                serde_json::from_slice::<messages::Created>(&self.text).is_ok()
            }
            ProviderOperation::Restore => self
                .made
                .as_ref()
                .is_some_and(|made| made.symlink_metadata().is_ok()),
            ProviderOperation::Snapshots => {
                serde_json::from_slice::<messages::List>(&self.text).is_ok()
            }
            ProviderOperation::Check => self.said(messages::SOUND).is_some(),
            ProviderOperation::Init
            | ProviderOperation::Mark
            | ProviderOperation::Unlock
            | ProviderOperation::Contents
            | ProviderOperation::Forget
            | ProviderOperation::Prune => true,
        }
    }

    /// Fills in the placeholders of a remedy.
    fn fill(&self, problem: &mut Problem) {
        if let Some(remedy) = &mut problem.remedy {
            let file = self.settings.password_file.display().to_string();
            let security = self.settings.security.display().to_string();
            *remedy = remedy
                .replace("{passwordFile}", &file)
                .replace("{security}", &security)
                .replace("{instance}", &self.settings.instance);
        }
    }

    fn explain(&self, mut failure: Failure) -> Failure {
        self.fill(&mut failure.problem);
        let file = self.settings.password_file.display();
        if let Some(remedy) = &mut failure.problem.remedy
            && self.exit.code == Some(WRONG_PASSWORD)
            && self.settings.password_generated
        {
            *remedy = format!(
                "the repository is older than the password that was generated into {file}: put the stored password of the repository there"
            );
        }
        failure
    }

    fn take(&mut self, line: Line, observer: &mut dyn Observer) {
        let line = match line {
            Line::Out(line) => {
                crate::provider::keep(&mut self.text, &line);
                return;
            }
            Line::Err(line) => line,
        };
        let tell = |progress: Option<Progress>, observer: &mut dyn Observer| {
            if let Some(progress) = progress {
                observer.progress(&progress);
            }
        };
        match messages::parse(&line) {
            Some(Message::ArchiveProgress(counted)) => tell(counted.progress(), observer),
            Some(Message::ProgressPercent(percent)) => tell(percent.progress(), observer),
            Some(Message::Words(said)) => self.hear(&said, observer),
            Some(Message::Other) => {}
            None => {
                let text = trouble::printable(&line);
                if !text.is_empty() {
                    observer.note(&text);
                    self.remember(text);
                }
            }
        }
    }

    fn hear(&mut self, said: &Said, observer: &mut dyn Observer) {
        let text = trouble::printable(said.text().as_bytes());
        // A new repository makes borg explain at length what a password is for.
        let is_advice = self.operation == ProviderOperation::Init && !said.is_error();
        if said.announces_exception() || is_advice {
            return;
        }
        observer.note(&text);
        if said.is_about_versions() {
            return;
        }
        if said.is_error() {
            self.errors.push_back(text);
            if self.errors.len() > REMEMBERED {
                self.errors.pop_front();
            }
        } else if said.is_about_an_item() {
            self.trouble.add(&text);
        } else {
            self.remember(text);
        }
    }

    fn remember(&mut self, text: String) {
        self.messages.push_back(text);
        if self.messages.len() > REMEMBERED {
            self.messages.pop_front();
        }
    }
}

/// Whether nothing but locks is in `directory`: borg locks before it looks, and another machine
/// may look as well.
fn holds_nothing(directory: &Path) -> bool {
    let is_lock = |name: &OsString| name.as_encoded_bytes().starts_with(LOCKS);
    names_in(directory).is_ok_and(|names| names.iter().all(is_lock))
}

fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let entries = std::fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_which_another_borg_looks_still_holds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert!(holds_nothing(directory.path()));
        std::fs::create_dir(directory.path().join("lock.exclusive")).unwrap();
        std::fs::write(directory.path().join("lock.roster"), "{}").unwrap();
        assert!(holds_nothing(directory.path()));
        std::fs::write(directory.path().join("data"), "").unwrap();
        assert!(!holds_nothing(directory.path()));
        assert!(!holds_nothing(&directory.path().join("missing")));
    }
}
