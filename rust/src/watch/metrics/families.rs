//! The metric families.

use jiff::Timestamp;

use super::Page;
use crate::base::outcome::Outcome;
use crate::report::maintenance::CheckResult;
use crate::watch::scan::ScannedInstance;

/// Adds the results of backups.
pub(super) fn runs(page: &mut Page<'_>) {
    page.family(
        "info",
        "Provider of the instance; always 1.",
        &|family, one| {
            family.count(&[("backup", &one.name), ("provider", &one.provider)], 1);
        },
    );
    page.family(
        "last_success_timestamp_seconds",
        "End of the last successful backup.",
        &|family, one| {
            if let Some(then) = one
                .deadline_status
                .as_ref()
                .and_then(|deadline_status| deadline_status.last_success)
            {
                family.time(&[("backup", &one.name)], then);
            }
        },
    );
    page.family(
        "last_run_timestamp_seconds",
        "End of the last backup, whatever its outcome.",
        &|family, one| {
            if let Some(run) = one.runs.last() {
                family.time(&[("backup", &one.name)], run.finished);
            }
        },
    );
    page.family(
        "last_run_outcome",
        "Outcome of the last backup: 1 for its outcome, 0 for all others.",
        &|family, one| {
            let Some(run) = one.runs.last() else { return };
            for outcome in Outcome::ALL {
                let labels = [("backup", one.name.as_str()), ("outcome", outcome.as_str())];
                family.flag(&labels, run.outcome == outcome);
            }
        },
    );
    page.family(
        "last_run_cleanup_failed",
        "1 if the cleanup after the last backup failed.",
        &|family, one| {
            if let Some(run) = one.runs.last() {
                family.flag(&[("backup", &one.name)], run.cleanup_failed);
            }
        },
    );
    page.family(
        "last_run_phase_duration_seconds",
        "Duration of each phase of the last backup.",
        &|family, one| {
            let mut phases: Vec<(&str, f64)> = Vec::new();
            for phase in one.runs.last().iter().flat_map(|run| &run.phases) {
                match phases.iter_mut().find(|(name, _)| *name == phase.name) {
                    // A phase can occur twice in a run, such as waiting.
                    Some((_, seconds)) => *seconds += phase.seconds,
                    None => phases.push((&phase.name, phase.seconds)),
                }
            }
            for (name, seconds) in phases {
                family.value(&[("backup", &one.name), ("phase", name)], seconds);
            }
        },
    );
}

/// Adds the size and number of snapshots.
pub(super) fn snapshots(page: &mut Page<'_>) {
    let counted = |one: &ScannedInstance| one.runs.iter().rev().find_map(|run| run.totals);
    page.family(
        "last_snapshot_added_bytes",
        "Bytes that the last snapshot added to the repository.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.name)], totals.bytes_added);
            }
        },
    );
    page.family(
        "last_snapshot_size_bytes",
        "Size of the data in the last snapshot.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.name)], totals.bytes);
            }
        },
    );
    page.family(
        "last_snapshot_files",
        "Number of files in the last snapshot.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.name)], totals.files);
            }
        },
    );
    page.family(
        "snapshots",
        "Number of snapshots, as of the last maintenance and the backups since.",
        &|family, one| {
            if let Some(count) = count(one) {
                family.count(&[("backup", &one.name)], count);
            }
        },
    );
}

/// Adds deadlines and timers.
pub(super) fn schedule(page: &mut Page<'_>) {
    page.family(
        "deadline_timestamp_seconds",
        "Time from which the backup is overdue, unless one succeeds before.",
        &|family, one| {
            if let Some(then) = one
                .deadline_status
                .as_ref()
                .and_then(|deadline_status| deadline_status.deadline)
            {
                family.time(&[("backup", &one.name)], then);
            }
        },
    );
    page.family(
        "overdue",
        "1 if there was no successful backup in time.",
        &|family, one| {
            if let Some(deadline_status) = &one.deadline_status {
                family.flag(&[("backup", &one.name)], deadline_status.overdue);
            }
        },
    );
    page.family(
        "timer_active",
        "1 if the timer of the instance is active and will elapse again.",
        &|family, one| {
            if let Some(timer) = &one.timer {
                family.flag(
                    &[("backup", &one.name)],
                    timer.active == "active" && timer.sub != "elapsed",
                );
            }
        },
    );
    page.family("running", "1 while a backup is running.", &|family, one| {
        family.flag(&[("backup", &one.name)], one.running);
    });
}

/// Adds the results of maintenance.
pub(super) fn maintenance(page: &mut Page<'_>) {
    page.family(
        "last_maintenance_timestamp_seconds",
        "End of the last maintenance.",
        &|family, one| {
            if let Some(last) = &one.maintenance {
                family.time(&[("backup", &one.name)], last.finished);
            }
        },
    );
    page.family(
        "last_maintenance_outcome",
        "Outcome of the last maintenance: 1 for its outcome, 0 for all others.",
        &|family, one| {
            let Some(last) = &one.maintenance else { return };
            for outcome in Outcome::ALL {
                let labels = [("backup", one.name.as_str()), ("outcome", outcome.as_str())];
                family.flag(&labels, last.outcome == outcome);
            }
        },
    );
    page.family(
        "repository_sound",
        "1 if the last repository check found no errors, 0 if it found damage.",
        &|family, one| {
            if let Some(check) = one.results.check {
                family.flag(&[("backup", &one.name)], check.result == CheckResult::Sound);
            }
        },
    );
}

/// Number of snapshots, if known.
fn count(one: &ScannedInstance) -> Option<u64> {
    let since = match &one.maintenance {
        Some(last) => Some((last.done.kept?, last.finished)),
        // The history is complete as long as it is shorter than its limit.
        None if one.runs.len() < 100 => None,
        None => return None,
    };
    let (kept, then) = since.unwrap_or((0, Timestamp::MIN));
    let new = one
        .runs
        .iter()
        .filter(|run| run.snapshot.is_some() && run.finished > then);
    u64::try_from(kept + new.count()).ok()
}
