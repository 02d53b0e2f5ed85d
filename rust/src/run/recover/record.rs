//! Records of runs that were killed before they wrote their own.

use jiff::Timestamp;

use super::ServiceResult;
use crate::base::paths::{InstancePaths, remove_if_there};
use crate::report::record::Record;
use crate::report::{self, End, Report};
use crate::steps::journal::Intent;
use crate::steps::undo::UndoReport;

/// An interrupted run, which may have no record.
pub struct InterruptedRun<'a> {
    pub instance: &'a str,
    pub run_id: &'a str,
    /// As it was before anything was undone.
    pub intent: Option<&'a Intent>,
    pub finished: &'a UndoReport,
}

/// Writes the record, unless there is one; that is corrected if nothing but a shutdown had kept
/// the run from cleaning up.
pub fn write(directories: &InstancePaths, left: &InterruptedRun<'_>, ended: &ServiceResult) {
    let last = report::last_run(directories).ok().flatten();
    let failed = |intent: &Intent| intent.cleanup_failed || left.finished.cleanup_failed();
    if let Some(record) = last.as_ref().filter(|last| last.run_id == left.run_id) {
        if record.cleanup_failed && left.intent.is_some_and(|intent| !failed(intent)) {
            let record = Record {
                cleanup_failed: false,
                ..record.clone()
            };
            report::correct_record(directories, &record);
        }
        if let Err(error) = remove_if_there(&directories.run_state()) {
            log::warn!(
                "cannot remove {}: {error}",
                directories.run_state().display()
            );
        }
        return;
    }
    let intent = left.intent;
    let state = report::running(directories).ok().flatten();
    let state = state.filter(|state| state.run_id == left.run_id);
    let state = state.as_ref();
    let provider = intent.map(|intent| intent.provider.clone());
    let provider = provider.or_else(|| last.map(|record| record.provider));
    let started = intent.map(|intent| intent.started);
    let started = started.or_else(|| state.map(|state| state.started));
    // A crash of the machine removes the state file.
    let phase = state.map(|state| state.phase.as_str());
    let phase = phase.or_else(|| intent.and_then(Intent::phase));
    let report = Report::resumed(
        directories,
        left.instance,
        provider.as_deref().unwrap_or("unknown"),
        left.run_id,
        started.unwrap_or_else(Timestamp::now),
    );
    let report = report.at_attempt(intent.map_or(1, |intent| intent.attempt));
    let _record = report.finish(End {
        outcome: intent
            .and_then(|intent| intent.outcome)
            .unwrap_or_else(|| ended.outcome()),
        cleanup_failed: left.finished.cleanup_failed() || intent.is_some_and(failed),
        error: Some(ended.problem(phase)),
        snapshot: intent.and_then(|intent| intent.snapshot.clone()),
        totals: None,
    });
}
