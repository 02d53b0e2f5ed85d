//! The order of a restore. Nothing else knows it.

mod held;
mod incoming;
mod owners;
mod place;
mod preflight;
mod replace;
pub mod request;
pub mod select;
mod swap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::lock;
use crate::base::lock::Mode;
use crate::base::mounts;
use crate::base::outcome::{Failure, FailureKind, Outcome};
use crate::base::owners::Owners;
use crate::plan::Plan;
use crate::provider::{self, Provider, Snapshot};
use crate::report::{Report, RestoreEnd};
use crate::run::invocation::Invocation;
use crate::run::locked::unlocking;
use crate::run::observer::observed;
use crate::run::{guards, locks, recover, unverified};
use crate::steps::journal::{Intent, Journal, Operation};
use crate::steps::undo::{self, UndoReport};
use incoming::Incoming;
use request::{Request, Restored};

/// Restores what is asked for, in place or elsewhere, and leaves the result for the
/// command line.
#[must_use]
pub fn run(plan: &Plan, request: &Request, invocation: &Invocation<'_>) -> Restored {
    let provider = provider::name(plan.provider.kind);
    let mut work = RestoreWork {
        plan,
        request,
        invocation,
        report: Report::of_restore(
            &invocation.directories,
            &plan.instance,
            provider,
            &invocation.id,
        )
        .shown_in(invocation.directories.restore_state()),
        done: Restored::new(&invocation.id),
        cleanup: UndoReport::default(),
    };
    let result = work.attempt();
    let RestoreWork {
        report,
        mut done,
        cleanup,
        ..
    } = work;
    for problem in &cleanup.problems {
        report.problem(problem);
    }
    done.cleanup_failed = cleanup.cleanup_failed();
    match result {
        Ok(()) => done.error = cleanup.problems.into_iter().next(),
        Err(failure) => {
            done.outcome = failure.outcome();
            done.transient = failure.is_transient();
            done.error = Some(failure.problem);
        }
    }
    let end = RestoreEnd {
        outcome: done.outcome,
        cleanup_failed: done.cleanup_failed,
        error: done.error.as_ref(),
        snapshot: done.snapshot.as_deref(),
    };
    report.finish_restore(&end, &done.to_string());
    request::leave_result(&invocation.directories, &done);
    done
}

struct RestoreWork<'a> {
    plan: &'a Plan,
    request: &'a Request,
    invocation: &'a Invocation<'a>,
    report: Report,
    done: Restored,
    cleanup: UndoReport,
}

impl RestoreWork<'_> {
    fn attempt(&mut self) -> Result<(), Failure> {
        let invocation = self.invocation;
        self.report.phase("lock");
        let _lock = lock::take(&invocation.directories, &self.plan.instance)?;
        recover::leftovers(invocation, Operation::Restore, &mut self.report)?;

        self.report.phase("guard");
        guards::credentials(self.plan, invocation)?;
        let _turn = locks::repository(self.plan, Mode::Shared, invocation, &mut self.report)?;
        let _awake = (invocation.keep_awake)(&format!("restore of {}", self.plan.instance));
        let wanted = place::wanted(self.plan, self.request, &invocation.directories.staging())?;
        let mut plan = self.plan.clone();
        if let Some(host) = &self.request.host {
            host.clone_into(&mut plan.host);
        }
        let directories = invocation.directories.for_restore();
        let provider = (invocation.open)(&plan, &invocation.credentials, &directories)?;

        let looking = locks::looking(self.plan, invocation, &mut self.report)?;
        self.report.phase("select");
        let snapshot = self.select(&*provider, &wanted)?;
        drop(looking);
        self.done.snapshot = Some(snapshot.id.clone());
        if let Some(target) = &self.request.target {
            self.report.phase("restore");
            return self.elsewhere(&*provider, &snapshot, &wanted, target);
        }
        self.report.phase("preflight");
        let incoming = wanted
            .paths
            .iter()
            .map(|path| Incoming::plan(path, &self.plan.sources, &invocation.id))
            .collect::<Result<Vec<_>, _>>()?;
        let owners = preflight::check(
            self.plan,
            &incoming,
            &wanted,
            &invocation.directories.restored_dumps(),
            &snapshot,
            &*provider,
            (invocation.units, invocation.cancel, &mut self.report),
        )?;
        self.in_place(&*provider, &snapshot, &incoming, &owners)
    }

    fn select(
        &mut self,
        provider: &dyn Provider,
        wanted: &place::Wanted,
    ) -> Result<Snapshot, Failure> {
        let cancel = self.invocation.cancel;
        let mut snapshots = unlocking(provider, &mut self.report, cancel, |job| {
            provider.snapshots(job)
        })?;
        unverified::apply(&self.invocation.directories, &mut snapshots)?;
        let snapshot = select::choose(
            &snapshots,
            &self.request.snapshot,
            self.request.until,
            &self.plan.instance,
        )?;
        let all: Vec<PathBuf> = wanted.paths.iter().chain(&wanted.dumps).cloned().collect();
        let missing = observed(&mut self.report, cancel, |job| {
            provider.missing(snapshot, &all, job)
        })?;
        if let Some(path) = missing.first() {
            return Err(Failure::new(
                format!(
                    "the snapshot {} does not hold {}",
                    snapshot.id,
                    path.display()
                ),
                "choose another snapshot, or restore only what it holds with --path",
            ));
        }
        Ok(snapshot.clone())
    }

    /// Everything at its full path below `target`; nothing else is touched.
    fn elsewhere(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        wanted: &place::Wanted,
        target: &Path,
    ) -> Result<(), Failure> {
        let mut made = Vec::new();
        let restored = self.restore_below(provider, snapshot, wanted, target, &mut made);
        // What there is can be looked at and removed, however it ended.
        let caller = self.request.caller;
        let given = caller.map_or(Ok(()), |caller| place::hand_over(&made, caller));
        restored.and(given)
    }

    fn restore_below(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        wanted: &place::Wanted,
        target: &Path,
        made: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let cancel = self.invocation.cancel;
        let held = observed(&mut self.report, cancel, |job| {
            provider.contents(snapshot, &wanted.paths, job)
        })?;
        for path in wanted.paths.iter().chain(&wanted.dumps) {
            cancel.check("restore")?;
            let (directory, restored) = place::below(target, path, made)?;
            unlocking(provider, &mut self.report, cancel, |job| {
                provider.restore(snapshot, path, &directory, job)
            })?;
            self.done.restored.push(restored);
        }
        let files = self.done.restored.iter().take(wanted.paths.len());
        owners::check_restored(&held.owners, files.map(PathBuf::as_path))
    }

    fn in_place(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        incoming: &[Incoming],
        owners: &Owners,
    ) -> Result<(), Failure> {
        let directories = &self.invocation.directories;
        let started = self.report.started();
        let mut intent = Intent::new(self.plan, Operation::Restore, &self.invocation.id, started);
        intent.mount_points = mount_points(incoming)?;
        let mut journal = Journal::begin(&directories.restore_intent(), intent)?;
        let result = self.replace(provider, snapshot, (incoming, owners), &mut journal);

        let outcome = result
            .as_ref()
            .map_or_else(Failure::outcome, |()| Outcome::Success);
        let concluded = journal.conclude(outcome, Some(snapshot.id.clone()));
        self.cleanup = undo::undo(
            &mut journal,
            &mut undo::UndoContext {
                units: self.invocation.units,
                directories,
                on_phase: &mut |phase| self.report.phase(phase),
            },
        );
        let closed = if self.cleanup.postponed {
            Ok(())
        } else {
            journal.close()
        };
        for error in [concluded.err(), closed.err()].into_iter().flatten() {
            self.cleanup.problems.push(Failure::from(error).problem);
        }
        result
    }
}

/// Where the disks are mounted on which a restore works.
fn mount_points(incoming: &[Incoming]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    for item in incoming {
        let above = mounts::above(item.workplace());
        found.extend(above.map_err(|problem| Failure::of(FailureKind::Failed, problem))?);
    }
    Ok(found.into_iter().collect())
}
