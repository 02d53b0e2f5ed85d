//! Looking into snapshots: arguments of `ls`, `find`, `dump` and `diff`, and their questions.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;

use super::args::{checked_path, host_name, instance_name, wanted_snapshot};
use super::complete;
use crate::base::paths::Host;
use crate::client::{Reader, browse};
use crate::run::browse::wire::{Question, Request, VERSION, Wanted};

/// Arguments of `ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Snapshot: its id, `latest` for the last complete one, or a day or time in this machine's
    /// time zone for the last complete one until then
    #[arg(default_value = "latest", value_parser = wanted_snapshot,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub snapshot: Wanted,
    /// Directory or file, as recorded in the snapshot [default: the directories that were
    /// backed up]
    #[arg(value_parser = OsStringValueParser::new().try_map(any_saved_path),
          value_hint = ValueHint::AnyPath)]
    pub path: Option<PathBuf>,
    /// List everything below, not only one level
    #[arg(short, long)]
    pub recursive: bool,
    /// Look into snapshots of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
    /// Print a JSON object for each file, one a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `find`.
#[derive(Debug, Args)]
pub struct Find {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Name at any depth, or a path with a leading `/`, in the syntax of `excludePatterns`: `*`,
    /// `?`, `[…]` and `**`
    pub pattern: String,
    /// Look only into this snapshot: its id, `latest`, or a day or time
    #[arg(long, value_name = "ID|DATE", value_parser = wanted_snapshot,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub snapshot: Option<Wanted>,
    /// Look into snapshots of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
    /// Print a JSON object for each file, one a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub struct Dump {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// Snapshot: its id, `latest`, or a day or time
    #[arg(value_parser = wanted_snapshot, add = ArgValueCompleter::new(complete::snapshots))]
    pub snapshot: Wanted,
    /// File, as recorded in the snapshot
    #[arg(value_parser = OsStringValueParser::new().try_map(any_saved_path),
          value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// Look into snapshots of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Instance name, as in `backupservice.instances.<name>`
    #[arg(value_parser = instance_name, add = ArgValueCompleter::new(complete::instances))]
    pub name: String,
    /// First snapshot: its id, `latest`, or a day or time
    #[arg(value_name = "A", value_parser = wanted_snapshot,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub from: Wanted,
    /// Second snapshot, likewise
    #[arg(value_name = "B", value_parser = wanted_snapshot,
          add = ArgValueCompleter::new(complete::snapshots))]
    pub to: Wanted,
    /// Look into snapshots of this host, such as one that this machine replaces
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub host: Option<String>,
    /// Print a JSON object for each change, one a line
    #[arg(long)]
    pub json: bool,
}

/// A command with a question about the content of snapshots.
pub(super) struct Asked {
    name: String,
    host: Option<String>,
    json: bool,
    question: Question,
}

impl Asked {
    /// Prints the answer.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn run(self, host: &Host) -> anyhow::Result<()> {
        let request = Request {
            version: VERSION,
            host: self.host,
            question: self.question,
        };
        let reader = Reader::of(self.json);
        Ok(browse::run(
            host,
            &self.name,
            &request,
            reader,
            &mut io::stdout(),
        )?)
    }
}

impl From<Ls> for Asked {
    fn from(args: Ls) -> Self {
        Self {
            name: args.name,
            host: args.host,
            json: args.json,
            question: Question::List {
                snapshot: args.snapshot,
                path: args.path.map(Into::into),
                recursive: args.recursive,
            },
        }
    }
}

impl From<Find> for Asked {
    fn from(args: Find) -> Self {
        Self {
            name: args.name,
            host: args.host,
            json: args.json,
            question: Question::Find {
                pattern: args.pattern,
                snapshot: args.snapshot,
            },
        }
    }
}

impl From<Dump> for Asked {
    fn from(args: Dump) -> Self {
        Self {
            name: args.name,
            host: args.host,
            json: false,
            question: Question::Dump {
                snapshot: args.snapshot,
                path: args.path.into(),
            },
        }
    }
}

impl From<Diff> for Asked {
    fn from(args: Diff) -> Self {
        Self {
            name: args.name,
            host: args.host,
            json: args.json,
            question: Question::Diff {
                from: args.from,
                to: args.to,
            },
        }
    }
}

fn any_saved_path(path: OsString) -> Result<PathBuf, String> {
    checked_path(&PathBuf::from(path))
}
