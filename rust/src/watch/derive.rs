//! What happened to an instance, from its records and from what was seen before.
//!
//! Nothing is asked or written here: the same facts always yield the same events.

use super::events::{EventKind, InstanceState, Key};
use super::model::{NewEvent, Observation};
use super::system::Crash;
use super::wording;
use crate::base::outcome::Outcome;
use crate::report::record::Record;
use crate::systemd::retries::ATTEMPTS;

/// What happened since it was seen last.
pub(super) struct Derived {
    /// In order.
    pub drafts: Vec<NewEvent>,
    /// Some run ended that counts, if only as one more success.
    pub news: bool,
}

/// Derives what happened, and remembers what was seen.
pub(super) fn derive(seen: &mut InstanceState, facts: &Observation<'_>) -> Derived {
    let mut drafts = Vec::new();
    let mut news = false;
    let mut success = false;
    for record in settled(facts, new_runs(facts.runs, seen.run.as_ref())) {
        seen.run = Some(record.into());
        match record.outcome {
            Outcome::Success => {
                news = true;
                success = true;
                if seen.broken || seen.overdue {
                    drafts.push(wording::run(EventKind::Recovered, record));
                }
                (seen.broken, seen.overdue) = (false, false);
            }
            Outcome::Failed | Outcome::Incomplete => {
                news = true;
                seen.broken = true;
                let failed = record.outcome == Outcome::Failed;
                let kind = if failed {
                    EventKind::Failed
                } else {
                    EventKind::Incomplete
                };
                drafts.push(wording::run(kind, record));
            }
            // Somebody wanted it so, and it says nothing about the next one.
            Outcome::Skipped | Outcome::Cancelled => {}
        }
        if record.cleanup_failed {
            drafts.push(wording::run(EventKind::CleanupFailed, record));
        }
    }
    if let Some(crash) = facts.crash {
        let recorded = facts.runs.iter().any(|run| run.run_id == crash.invocation);
        if !recorded && remember(&mut seen.crashes, crash) {
            news = true;
            seen.broken = true;
            drafts.push(wording::crash(EventKind::Failed, facts.instance, crash));
        }
    }
    drafts.extend(derive_maintenance(seen, facts));
    drafts.extend(derive_overdue(seen, facts, success));
    news |= !drafts.is_empty();
    Derived { drafts, news }
}

fn derive_maintenance(seen: &mut InstanceState, facts: &Observation<'_>) -> Option<NewEvent> {
    if let Some(crash) = facts.maintenance_crash {
        let recorded = facts.maintenance.map(|record| &record.run_id);
        if recorded != Some(&crash.invocation) && remember(&mut seen.crashes, crash) {
            seen.maintenance_broken = true;
            let kind = EventKind::MaintenanceFailed;
            return Some(wording::crash(kind, facts.instance, crash));
        }
    }
    let record = facts.maintenance?;
    let key = Key::from(record);
    let retried = record.outcome == Outcome::Failed && facts.maintaining;
    if seen.maintenance.as_ref() == Some(&key) || retried {
        return None;
    }
    seen.maintenance = Some(key);
    let kind = match record.outcome {
        Outcome::Failed | Outcome::Incomplete => EventKind::MaintenanceFailed,
        Outcome::Success if seen.maintenance_broken => EventKind::MaintenanceRecovered,
        _ => return None,
    };
    seen.maintenance_broken = kind == EventKind::MaintenanceFailed;
    Some(wording::maintenance(kind, record))
}

fn derive_overdue(
    seen: &mut InstanceState,
    facts: &Observation<'_>,
    success: bool,
) -> Option<NewEvent> {
    let judged = facts.judged?;
    seen.deadline = judged.deadline;
    let was = std::mem::replace(&mut seen.overdue, judged.overdue);
    let kind = match (was, judged.overdue) {
        (false, true) => EventKind::Overdue,
        (true, false) if !success => EventKind::InTime,
        _ => return None,
    };
    Some(wording::deadline(kind, facts, judged))
}

/// The runs after the one that was judged last. Of an instance that was never looked at,
/// only the last one is news.
fn new_runs<'a>(runs: &'a [Record], last: Option<&Key>) -> &'a [Record] {
    let Some(last) = last else {
        return &runs[runs.len().saturating_sub(1)..];
    };
    let position = runs.iter().rposition(|run| Key::from(run) == *last);
    let after = position.map_or_else(
        || runs.partition_point(|run| run.finished <= last.finished),
        |position| position + 1,
    );
    &runs[after..]
}

/// Without failures that systemd answers with another attempt: that one is judged.
fn settled<'a>(facts: &Observation<'_>, runs: &'a [Record]) -> Vec<&'a Record> {
    let is_retried = |(i, run): &(usize, &Record)| {
        let failed = run.outcome == Outcome::Failed && run.attempt < ATTEMPTS;
        let next = runs.get(i + 1);
        failed && next.map_or(facts.running, |next| next.attempt == run.attempt + 1)
    };
    let all = runs.iter().enumerate();
    all.filter(|run| !is_retried(run))
        .map(|(_, run)| run)
        .collect()
}

/// False if it is remembered already.
fn remember(crashes: &mut Vec<String>, crash: &Crash) -> bool {
    if crashes.contains(&crash.invocation) {
        return false;
    }
    crashes.push(crash.invocation.clone());
    let superfluous = crashes.len().saturating_sub(8);
    crashes.drain(..superfluous);
    true
}
