//! Records of runs that were killed before they wrote their own.

use jiff::Timestamp;

use super::ServiceResult;
use crate::base::outcome::Outcome;
use crate::base::paths::{InstancePaths, read_json, remove_if_there};
use crate::base::problem::Problem;
use crate::base::{unit_names, untrusted};
use crate::report::record::Record;
use crate::report::record::RunState;
use crate::report::{self, End, Report, RestoreEnd};
use crate::steps::journal::Intent;
use crate::steps::undo::UndoReport;
use crate::systemd::retries;
use crate::systemd::units::{Activity, Units};

/// More than a run id has, in bytes.
const LONGEST_ID: u64 = 64;

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

/// Writes the record of a restore that was killed before it could. `problem` is what could not
/// be undone.
pub fn write_restore(
    directories: &InstancePaths,
    instance: &str,
    run_id: &str,
    ended: &ServiceResult,
    problem: Option<&Problem>,
) {
    let all = report::restores::restores(directories).unwrap_or_default();
    if all.iter().any(|restore| restore.run_id == run_id) {
        return;
    }
    let file = directories.restore_state();
    let state: Option<RunState> = read_json(&file).ok().flatten();
    let state = state.filter(|state| state.run_id == run_id);
    let phase = state.as_ref().map(|state| state.phase.as_str());
    let error = Problem::new(
        ended.problem(phase).message,
        format!("start it again with `backupservice restore {instance}`"),
    );
    let text = format!("restore: {}: {error}", ended.outcome().as_str());
    let mut report = Report::of_restore(directories, instance, "unknown", run_id).shown_in(file);
    if let Some(state) = &state {
        report.began(state.started);
    }
    let end = RestoreEnd {
        outcome: ended.outcome(),
        cleanup_failed: problem.is_some(),
        error: Some(&error),
        snapshot: None,
    };
    report.finish_restore(&end, &text);
}

/// Records that the next attempts of a failed run are cancelled, if somebody has asked for
/// that: the unit of a run that waits for another attempt does nothing when it is stopped.
pub fn cancel_retries(
    directories: &InstancePaths,
    instance: &str,
    units: &dyn Units,
) -> anyhow::Result<()> {
    let Ok(cancelled) = untrusted::read(&directories.cancelled_retries(), LONGEST_ID) else {
        return Ok(());
    };
    let last = report::last_run(directories)?;
    let Some(last) = last.filter(|last| last.run_id.as_bytes() == cancelled) else {
        return Ok(());
    };
    if !last.may_be_retried()
        || units.activity(&unit_names::service(instance, ""))? != Activity::Inactive
    {
        return Ok(());
    }
    let failed = last.error.as_ref().map_or("", |error| &error.message);
    let message = format!(
        "cancelled while waiting for attempt {} of {}: {failed}",
        last.attempt + 1,
        retries::ATTEMPTS
    );
    let remedy = format!("start it again with `backupservice run {instance}`");
    let record = Record {
        outcome: Outcome::Cancelled,
        error: Some(Problem::new(message, remedy)),
        ..last
    };
    report::correct_record(directories, &record);
    Ok(())
}
