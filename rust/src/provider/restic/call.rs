//! One call of restic, from its arguments to its exit.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::exits::{TABLE, WRONG_PASSWORD};
use super::messages::{self, Message, Node, Summary};
use super::retry_limit::RetryLimit;
use super::settings::Settings;
use crate::base::outcome::Failure;
use crate::base::problem::Problem;
use crate::base::process::{Command, Exit, Line, Output};
use crate::provider::entry::EachPiece;
use crate::provider::exit_table::{self, ExitClass, ProgramExit, ProviderOperation, Row};
use crate::provider::trouble::{self, Trouble};
use crate::provider::{Contents, Job, foreign, ssh};

/// Number of last lines on standard error to keep.
const REMEMBERED: usize = 20;

/// Calls that succeed only if nobody else has a lock of any kind.
const EXCLUSIVE: &[ProviderOperation] = &[
    ProviderOperation::Mark,
    ProviderOperation::Forget,
    ProviderOperation::Prune,
    ProviderOperation::Check,
];

/// A call to be made.
pub struct Call<'a> {
    settings: &'a Settings,
    operation: ProviderOperation,
    arguments: Vec<OsString>,
    sought: Vec<PathBuf>,
}

/// A call that ended.
pub struct Done<'a> {
    settings: &'a Settings,
    operation: ProviderOperation,
    exit: Exit,
    initialized: bool,
    messages: VecDeque<String>,
    fatal: Option<String>,
    refusal: Option<String>,
    retry_limit: RetryLimit,
    trouble: Trouble,
    /// The last summary.
    pub summary: Option<Summary>,
    /// The new id of a snapshot whose tags were changed.
    pub changed: Option<String>,
    /// Standard output that is not messages.
    pub text: Vec<u8>,
    /// The paths that did not turn up.
    pub sought: Vec<PathBuf>,
    /// Output of a listing.
    pub listed: Listed,
}

/// The files of a listing.
#[derive(Debug, Default)]
pub struct Listed {
    /// Their size and owners.
    pub contents: Contents,
    inodes: HashSet<u64>,
}

impl Listed {
    fn add(&mut self, node: &Node) {
        // A file with several names counts once.
        if node.size > 0 && (node.inode == 0 || self.inodes.insert(node.inode)) {
            self.contents.bytes += node.size;
        }
        if node.is_restored() {
            self.contents.owners.add(node.uid, node.gid);
        }
    }
}

impl<'a> Call<'a> {
    pub fn new(settings: &'a Settings, operation: ProviderOperation) -> Self {
        Self {
            settings,
            operation,
            arguments: settings.options.clone(),
            sought: Vec::new(),
        }
    }

    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn looking_for(mut self, paths: &[PathBuf]) -> Self {
        self.sought = paths.to_vec();
        self
    }

    pub fn run(self, job: &mut Job<'_>) -> Result<Done<'a>, Failure> {
        self.run_with(Output::Lines, None, job)
    }

    /// Passes standard output on to `each`, instead of taking messages from it.
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
        let command = Command {
            program: self.settings.program.clone(),
            arguments: self.arguments,
            environment: self.settings.environment.clone(),
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
            initialized: false,
            messages: VecDeque::new(),
            fatal: None,
            refusal: None,
            retry_limit: RetryLimit::default(),
            trouble: Trouble::default(),
            summary: None,
            changed: None,
            text: Vec::new(),
            sought: self.sought,
            listed: Listed::default(),
        };
        let mut gave_up = None;
        let mut refused = None;
        let holder = &self.settings.holder;
        done.exit = holder.run(command, job.cancel, &mut |line| {
            match (line, &mut each) {
                (Some(Line::Out(_)), Some(_)) if refused.is_some() => {}
                (Some(Line::Out(output)), Some(each)) => refused = each(&output).err(),
                (Some(line), _) => done.take(line, &mut *job.observer),
                (None, _) => {}
            }
            gave_up = gave_up
                .take()
                .or_else(|| done.retry_limit.over(Instant::now()));
            gave_up.is_none() && refused.is_none()
        })?;
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
        if let Some(reason) = gave_up
            && done.exit.code != Some(0)
        {
            // How it ends when we end it says nothing.
            done.exit.code = None;
            done.fatal = Some(reason);
        }
        if done.exit.code == Some(0) && EXCLUSIVE.contains(&self.operation) {
            holder.left_nothing();
        }
        Ok(done)
    }
}

impl Done<'_> {
    /// The row of the table, unless it is a failure.
    pub fn check(&self) -> Result<&'static Row, Failure> {
        let mut messages: Vec<String> = self.messages.iter().cloned().collect();
        if let Some(local) = &self.settings.local
            && self.exit.code != Some(0)
            && foreign::is_of_borg(local)
        {
            messages.push(foreign::BORG.to_owned());
        }
        if self.operation == ProviderOperation::Restore {
            // Why a file could not be written is nowhere else.
            messages.extend_from_slice(self.trouble.kept());
        }
        messages.extend(self.fatal.clone());
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
                Err(self.explain(failure, row))
            }
        }
    }

    /// What ssh refused, or the operating system.
    fn reason(&self) -> Option<String> {
        let refusal = self.refusal.clone().filter(|_| self.settings.is_public);
        refusal.or_else(|| messages::reason(self.fatal.as_ref()?).map(str::to_owned))
    }

    /// Why a snapshot does not hold everything, if that is the meaning of the `row`.
    pub fn incomplete(&self, row: &Row) -> Option<Problem> {
        (row.class == ExitClass::Incomplete).then(|| {
            let mut problem = exit_table::incomplete(row, self.messages.back(), &self.trouble);
            self.fill(&mut problem);
            problem
        })
    }

    /// Space freed by a prune, as restic prints it.
    pub fn freed(&self) -> Option<u64> {
        messages::freed(&self.text)
    }

    fn proved(&self) -> bool {
        match self.operation {
            ProviderOperation::Init => self.initialized,
            ProviderOperation::Backup => {
                let summary = self.summary.as_ref();
                summary.is_some_and(|summary| !summary.snapshot_id.is_empty() && !summary.dry_run)
            }
            ProviderOperation::Restore | ProviderOperation::Check => self.summary.is_some(),
            ProviderOperation::Mark => self.changed.is_some(),
            ProviderOperation::Snapshots
            | ProviderOperation::Contents
            | ProviderOperation::Forget
            | ProviderOperation::Prune
            | ProviderOperation::Unlock => true,
        }
    }

    /// Fills in the placeholders of a remedy.
    fn fill(&self, problem: &mut Problem) {
        if let Some(remedy) = &mut problem.remedy {
            let file = self.settings.password_file.display().to_string();
            *remedy = remedy
                .replace("{passwordFile}", &file)
                .replace("{instance}", &self.settings.instance);
        }
    }

    fn explain(&self, mut failure: Failure, row: Option<&Row>) -> Failure {
        self.fill(&mut failure.problem);
        let file = self.settings.password_file.display();
        if let Some(remedy) = &mut failure.problem.remedy
            && row.is_some_and(|row| row.sign == WRONG_PASSWORD)
            && self.settings.password_generated
        {
            *remedy = format!(
                "the repository is older than the password that was generated into {file}: put the stored password of the repository there"
            );
        }
        failure
    }

    fn take(&mut self, line: Line, observer: &mut dyn crate::provider::Observer) {
        let (line, is_error) = match line {
            Line::Out(line) => (line, false),
            Line::Err(line) => (line, true),
        };
        match messages::parse(&line) {
            Some(Message::Status(status)) => {
                let progress = status.progress();
                self.retry_limit.progress(progress.bytes_done);
                observer.progress(&progress);
            }
            Some(Message::Summary(summary)) => self.summary = Some(summary),
            Some(Message::Error(error)) => {
                let text = trouble::printable(error.text().as_bytes());
                observer.note(&text);
                if !error.is_of_scan() {
                    self.trouble.add(&text);
                }
            }
            Some(Message::ExitError { message }) => self.fatal = Some(message),
            Some(Message::Initialized) => self.initialized = true,
            Some(Message::Changed { new_snapshot_id }) => self.changed = Some(new_snapshot_id),
            Some(Message::Node(node)) => {
                self.sought.retain(|sought| sought != Path::new(&node.path));
                self.listed.add(&node);
            }
            Some(Message::Change(_) | Message::Other) => {}
            None if is_error => {
                let text = trouble::printable(&line);
                if !text.is_empty() {
                    self.retry_limit.hear(&text, Instant::now());
                    observer.note(&text);
                    self.messages.push_back(text);
                    if self.messages.len() > REMEMBERED {
                        self.messages.pop_front();
                    }
                }
            }
            None => {
                crate::provider::keep(&mut self.text, &line);
            }
        }
    }
}
