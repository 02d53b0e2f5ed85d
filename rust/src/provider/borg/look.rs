//! Looking into archives.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::call::Call;
use super::item;
use super::messages::Difference;
use super::{Borg, styled};
use crate::base::outcome::Failure;
use crate::base::process::Output;
use crate::provider::entry::{Change, Depth, Each, EachPiece, Entry, lossy};
use crate::provider::exit_table::ProviderOperation;
use crate::provider::{Job, Look, Snapshot, unparsable};

impl Look for Borg {
    fn list(
        &self,
        snapshot: &Snapshot,
        paths: &[PathBuf],
        depth: Depth,
        each: &mut Each<'_, Entry>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let name = self.name_of(&snapshot.id, job)?;
        let style = if depth == Depth::Itself { "pf" } else { "pp" };
        let directories: Vec<String> = paths.iter().map(|path| lossy(path)).collect();
        let mut take = |line: &[u8]| {
            let entry = item::parse(line).ok_or_else(|| {
                Failure::new(
                    "borg's list of files cannot be read",
                    "check that borg's version is one that is supported",
                )
            })?;
            if depth.reaches(&directories, &entry.path) {
                each(entry)
            } else {
                Ok(())
            }
        };
        // No pattern stands for the root directory: its path in an archive is empty.
        let is_everything = paths.iter().any(|path| path == Path::new("/"));
        let patterns = paths.iter().filter(|_| !is_everything);
        Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["list", "--format", item::FORMAT, "--"])
            .arguments([format!("::{name}")])
            .arguments(patterns.map(|path| styled(style, path)))
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
        let name = self.name_of(&snapshot.id, job)?;
        Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["extract", "--stdout", "--"])
            .arguments([OsString::from(format!("::{name}")), styled("pf", path)])
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
        let (from, to) = (self.name_of(&from.id, job)?, self.name_of(&to.id, job)?);
        let mut take = |line: &[u8]| {
            let difference: Difference = serde_json::from_slice(line)
                .map_err(|error| unparsable("borg's list of differences", &error))?;
            difference.change().map_or(Ok(()), &mut *each)
        };
        Call::new(&self.settings, ProviderOperation::Contents)
            .arguments(["diff", "--json-lines", "--", &format!("::{from}"), &to])
            .run_for(Output::Lines, &mut take, job)?
            .check()
            .map(|_| ())
    }
}
