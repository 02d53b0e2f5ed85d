//! Looking into snapshots.

use std::path::{Path, PathBuf};

use super::Restic;
use super::call::Call;
use super::messages::{self, Message};
use crate::base::outcome::Failure;
use crate::base::process::Output;
use crate::provider::entry::{Change, Depth, Each, EachPiece, Entry, lossy};
use crate::provider::exit_table::ProviderOperation;
use crate::provider::{Job, Look, Snapshot, unparsable};

impl Look for Restic {
    fn list(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        depth: Depth,
        each: &mut Each<'_, Entry>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let mut call = Call::new(&self.settings, ProviderOperation::Contents).arguments([
            "ls",
            "--json",
            "--no-lock",
        ]);
        if depth == Depth::All {
            call = call.arguments(["--recursive"]);
        }
        let directories: Vec<String> = paths.iter().map(|path| lossy(path)).collect();
        let mut take = |line: &[u8]| match understood(line)? {
            // restic also lists what is in a directory, and the directories on the way to it.
            Message::Node(node) if depth.reaches(&directories, &node.path) => each(node.entry()),
            _ => Ok(()),
        };
        call.arguments(["--", &snapshot.id])
            .arguments(paths)
            .run_for(Output::Lines, &mut take, job)?
            .check()
            .map(|_| ())
    }

    fn dump(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        each: &mut EachPiece<'_>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["dump", "--json", "--no-lock", "--", &snapshot.id])
            .arguments([path])
            .run_for(Output::Pieces, each, job)?
            .check()
            .map(|_| ())
    }

    fn diff(
        &self,
        from: &Snapshot,
        to: &Snapshot,
        each: &mut Each<'_, Change>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let mut take = |line: &[u8]| match understood(line)? {
            Message::Change(changed) => changed.change().map_or(Ok(()), &mut *each),
            _ => Ok(()),
        };
        Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["diff", "--json", "--no-lock", "--", &from.id, &to.id])
            .run_for(Output::Lines, &mut take, job)?
            .check()
            .map(|_| ())
    }
}

/// A line that is not understood may be a file that would be missing from the answer.
fn understood(line: &[u8]) -> Result<Message, Failure> {
    messages::read(line).map_err(|error| unparsable("restic's answer", &error))
}
