//! The metric families.

use jiff::Timestamp;

use super::{Family, Page};
use crate::base::outcome::Outcome;
use crate::report::maintenance::CheckResult;
use crate::systemd::timers::RunActivity;
use crate::watch::condition::{Condition, ProblemKind};

/// Adds the results of backups.
pub(super) fn runs(page: &mut Page<'_>) {
    page.family(
        "info",
        "Provider of the instance; always 1.",
        &|family, one| {
            family.count(
                &[
                    ("backup", &one.observed.instance),
                    ("provider", &one.observed.provider),
                ],
                1,
            );
        },
    );
    page.family(
        "last_success_timestamp_seconds",
        "End of the last successful backup.",
        &|family, one| {
            if let Some(then) = one.last_success() {
                family.time(&[("backup", &one.observed.instance)], then);
            }
        },
    );
    page.family(
        "last_run_timestamp_seconds",
        "End of the last backup, whatever its outcome.",
        &|family, one| {
            if let Some(run) = one.observed.runs.last() {
                family.time(&[("backup", &one.observed.instance)], run.finished);
            }
        },
    );
    page.family(
        "last_run_outcome",
        "Outcome of the last backup that will not be retried: 1 for its outcome, 0 for all others.",
        &|family, one| {
            outcomes(family, one, one.state.outcome);
        },
    );
    page.family(
        "last_run_cleanup_failed",
        "1 if the cleanup after the last backup failed.",
        &|family, one| {
            if one.state.outcome.is_some() {
                let labels = [("backup", one.observed.instance.as_str())];
                family.flag(&labels, one.state.cleanup_failed);
            }
        },
    );
    page.family(
        "last_run_phase_duration_seconds",
        "Duration of each phase of the last backup.",
        &|family, one| {
            let mut phases: Vec<(&str, f64)> = Vec::new();
            for phase in one.observed.runs.last().iter().flat_map(|run| &run.phases) {
                match phases.iter_mut().find(|(name, _)| *name == phase.name) {
                    // A phase can occur twice in a run, such as waiting.
                    Some((_, seconds)) => *seconds += phase.seconds,
                    None => phases.push((&phase.name, phase.seconds)),
                }
            }
            for (name, seconds) in phases {
                family.value(
                    &[("backup", &one.observed.instance), ("phase", name)],
                    seconds,
                );
            }
        },
    );
}

/// Adds the size and number of snapshots.
pub(super) fn snapshots(page: &mut Page<'_>) {
    let counted = |one: &Condition| one.observed.runs.iter().rev().find_map(|run| run.totals);
    page.family(
        "last_snapshot_added_bytes",
        "Bytes that the last snapshot added to the repository.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.observed.instance)], totals.bytes_added);
            }
        },
    );
    page.family(
        "last_snapshot_size_bytes",
        "Size of the data in the last snapshot.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.observed.instance)], totals.bytes);
            }
        },
    );
    page.family(
        "last_snapshot_files",
        "Number of files in the last snapshot.",
        &|family, one| {
            if let Some(totals) = counted(one) {
                family.count(&[("backup", &one.observed.instance)], totals.files);
            }
        },
    );
    page.family(
        "snapshots",
        "Number of snapshots, as of the last maintenance and the backups since.",
        &|family, one| {
            if let Some(count) = count(one) {
                family.count(&[("backup", &one.observed.instance)], count);
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
            let expected = one.state.expected.as_ref();
            if let Some(then) = expected.and_then(|expected| expected.deadline) {
                family.time(&[("backup", &one.observed.instance)], then);
            }
        },
    );
    page.family(
        "overdue",
        "1 if there was no successful backup in time.",
        &|family, one| {
            if let Some(overdue) = one.overdue {
                family.flag(&[("backup", &one.observed.instance)], overdue);
            }
        },
    );
    page.family(
        "timer_active",
        "1 if the timer of the instance is active and will elapse again.",
        &|family, one| {
            if let Some(timer) = &one.observed.timer {
                family.flag(
                    &[("backup", &one.observed.instance)],
                    timer.active == "active" && timer.sub != "elapsed",
                );
            }
        },
    );
    page.family("running", "1 while a backup is running.", &|family, one| {
        if one.observed.activity != RunActivity::Unknown {
            let running = one.observed.activity == RunActivity::Running;
            family.flag(&[("backup", &one.observed.instance)], running);
        }
    });
    page.family(
        "retrying",
        "1 if the last backup failed and will be started again by itself.",
        &|family, one| {
            if one.observed.activity != RunActivity::Unknown {
                let retrying = one.observed.activity == RunActivity::Retrying;
                family.flag(&[("backup", &one.observed.instance)], retrying);
            }
        },
    );
}

/// Adds the results of maintenance.
pub(super) fn maintenance(page: &mut Page<'_>) {
    page.family(
        "last_maintenance_timestamp_seconds",
        "End of the last maintenance.",
        &|family, one| {
            if let Some(last) = &one.observed.maintenance {
                family.time(&[("backup", &one.observed.instance)], last.finished);
            }
        },
    );
    page.family(
        "last_maintenance_outcome",
        "Outcome of the last maintenance that will not be retried: 1 for its outcome, 0 for all others.",
        &|family, one| {
            outcomes(family, one, one.state.maintenance_outcome);
        },
    );
    page.family(
        "repository_sound",
        "0 from a check that found damage until one of all data found none, otherwise 1.",
        &|family, one| {
            if let Some(check) = one.observed.results.check {
                family.flag(
                    &[("backup", &one.observed.instance)],
                    check.result == CheckResult::Sound,
                );
            }
        },
    );
}

/// Adds what is wrong.
pub(super) fn health(page: &mut Page<'_>) {
    page.family(
        "healthy",
        "1 if nothing is wrong with the instance, 0 if there is any problem.",
        &|family, one| {
            family.flag(&[("backup", &one.observed.instance)], one.is_healthy());
        },
    );
    page.family(
        "problem",
        "1 for each problem that the instance has, 0 for all others.",
        &|family, one| {
            for kind in ProblemKind::MONITORED {
                let labels = [
                    ("backup", one.observed.instance.as_str()),
                    ("problem", kind.as_str()),
                ];
                family.flag(&labels, one.has(kind));
            }
        },
    );
}

fn outcomes(family: &mut Family<'_>, one: &Condition, last: Option<Outcome>) {
    let Some(last) = last else { return };
    for outcome in Outcome::ALL {
        let labels = [
            ("backup", one.observed.instance.as_str()),
            ("outcome", outcome.as_str()),
        ];
        family.flag(&labels, last == outcome);
    }
}

/// Number of snapshots, if known.
fn count(one: &Condition) -> Option<u64> {
    let since = match &one.observed.maintenance {
        Some(last) => Some((last.done.kept?, last.finished)),
        // The history is complete as long as it is shorter than its limit.
        None if one.observed.runs.len() < 100 => None,
        None => return None,
    };
    let (kept, then) = since.unwrap_or((0, Timestamp::MIN));
    let new = one
        .observed
        .runs
        .iter()
        .filter(|run| run.snapshot.is_some() && run.finished > then);
    u64::try_from(kept + new.count()).ok()
}
