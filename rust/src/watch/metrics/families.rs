//! The metrics there are.

use jiff::Timestamp;

use super::Page;
use crate::base::outcome::Outcome;
use crate::report::maintenance::CheckResult;
use crate::watch::scan::ScannedInstance;

/// How backups end.
pub(super) fn runs(page: &mut Page<'_>) {
    page.family(
        "info",
        "Which program makes the snapshots of an instance.",
        &|family, one| {
            family.count(&[("backup", &one.name), ("provider", &one.provider)], 1);
        },
    );
    page.family(
        "last_success_timestamp_seconds",
        "End of the last backup that was a success.",
        &|family, one| {
            if let Some(then) = one.judged.as_ref().and_then(|judged| judged.last_success) {
                family.time(&[("backup", &one.name)], then);
            }
        },
    );
    page.family(
        "last_run_timestamp_seconds",
        "End of the last backup, however it ended.",
        &|family, one| {
            if let Some(run) = one.runs.last() {
                family.time(&[("backup", &one.name)], run.finished);
            }
        },
    );
    page.family(
        "last_run_outcome",
        "How the last backup ended: 1 for that outcome, 0 for others.",
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
        "Whether something could not be put back after the last backup.",
        &|family, one| {
            if let Some(run) = one.runs.last() {
                family.flag(&[("backup", &one.name)], run.cleanup_failed);
            }
        },
    );
    page.family(
        "last_run_phase_duration_seconds",
        "How long each phase of the last backup took.",
        &|family, one| {
            let mut phases: Vec<(&str, f64)> = Vec::new();
            for phase in one.runs.last().iter().flat_map(|run| &run.phases) {
                match phases.iter_mut().find(|(name, _)| *name == phase.name) {
                    // Twice in a run: it waited twice, say.
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

/// What they make.
pub(super) fn snapshots(page: &mut Page<'_>) {
    let counted = |one: &ScannedInstance| one.runs.iter().rev().find_map(|run| run.totals);
    page.family(
        "last_snapshot_added_bytes",
        "What the last snapshot added to the repository.",
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

/// When they are due.
pub(super) fn schedule(page: &mut Page<'_>) {
    page.family(
        "deadline_timestamp_seconds",
        "When the backup is overdue if there is no success before.",
        &|family, one| {
            if let Some(then) = one.judged.as_ref().and_then(|judged| judged.deadline) {
                family.time(&[("backup", &one.name)], then);
            }
        },
    );
    page.family(
        "overdue",
        "Whether there was no success in time.",
        &|family, one| {
            if let Some(judged) = &one.judged {
                family.flag(&[("backup", &one.name)], judged.overdue);
            }
        },
    );
    page.family(
        "timer_active",
        "Whether the timer of the instance waits for its next time.",
        &|family, one| {
            if let Some(timer) = &one.timer {
                family.flag(
                    &[("backup", &one.name)],
                    timer.active == "active" && timer.sub != "elapsed",
                );
            }
        },
    );
    page.family(
        "running",
        "Whether a backup is under way.",
        &|family, one| {
            family.flag(&[("backup", &one.name)], one.running);
        },
    );
}

/// How the repository is.
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
        "How the last maintenance ended: 1 for that outcome, 0 for others.",
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
        "Whether the last check of the repository found nothing wrong.",
        &|family, one| {
            if let Some(check) = one.maintenance.as_ref().and_then(|last| last.done.check) {
                family.flag(&[("backup", &one.name)], check == CheckResult::Sound);
            }
        },
    );
}

/// How many snapshots there are, if that is known.
fn count(one: &ScannedInstance) -> Option<u64> {
    let since = match &one.maintenance {
        Some(last) => Some((last.done.kept?, last.finished)),
        // All that ever were are remembered.
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
