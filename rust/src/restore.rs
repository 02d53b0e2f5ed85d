//! The order of a restore. Nothing else knows it.

mod beside;
mod place;
pub mod request;
pub mod select;

use std::path::{Path, PathBuf};

use crate::cancel::Cancel;
use crate::hooks::{self, Facts};
use crate::intent::{self, Action, Finished, Intent, Journal, Operation};
use crate::invocation::Invocation;
use crate::outcome::{Failure, Kind, Outcome};
use crate::plan::{Plan, Stream};
use crate::provider::{self, Provider, Snapshot};
use crate::report::Report;
use crate::watch::watched;
use crate::{doubt, guards, lock, quiesce, recover, staging};
use beside::Beside;
use request::{Request, Restored};

/// Restores what is asked for, in place or elsewhere, and leaves the result for the
/// command line.
#[must_use]
pub fn run(plan: &Plan, request: &Request, invocation: &Invocation<'_>) -> Restored {
    let provider = provider::name(plan.provider.kind);
    let mut work = Work {
        plan,
        request,
        invocation,
        report: Report::of_restore(
            &invocation.directories,
            &plan.instance,
            provider,
            &invocation.id,
        ),
        done: Restored::new(&invocation.id),
        cleanup: Finished::default(),
    };
    let result = work.attempt();
    let Work {
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
            done.passing = failure.kind == Kind::Passing;
            done.error = Some(failure.problem);
        }
    }
    report.finish_restore(done.outcome, &done.to_string());
    request::leave_result(&invocation.directories, &done);
    done
}

struct Work<'a> {
    plan: &'a Plan,
    request: &'a Request,
    invocation: &'a Invocation<'a>,
    report: Report,
    done: Restored,
    cleanup: Finished,
}

impl Work<'_> {
    fn attempt(&mut self) -> Result<(), Failure> {
        let invocation = self.invocation;
        self.report.phase("lock");
        let _lock = lock::take(&invocation.directories, &self.plan.instance)?;
        recover::leftovers(invocation, Operation::Restore, &mut self.report)?;

        self.report.phase("guard");
        guards::credentials(self.plan, &invocation.credentials)?;
        let wanted = place::wanted(self.plan, self.request, &invocation.directories.staging())?;
        let cache = &invocation.directories.cache;
        let provider = (invocation.open)(self.plan, &invocation.credentials, cache)?;

        self.report.phase("select");
        let snapshot = self.select(&*provider, &wanted)?;
        self.done.snapshot = Some(snapshot.id.clone());
        if let Some(target) = &self.request.target {
            self.report.phase("restore");
            return self.elsewhere(&*provider, &snapshot, &wanted, target);
        }
        let beside = wanted
            .paths
            .iter()
            .map(|path| Beside::plan(path, &self.plan.sources, &invocation.id))
            .collect::<Result<Vec<_>, _>>()?;
        self.in_place(&*provider, &snapshot, &beside)
    }

    fn select(
        &mut self,
        provider: &dyn Provider,
        wanted: &place::Wanted,
    ) -> Result<Snapshot, Failure> {
        let cancel = self.invocation.cancel;
        let mut snapshots = watched(&mut self.report, cancel, |job| provider.snapshots(job))?;
        doubt::apply(&self.invocation.directories, &mut snapshots)?;
        let snapshot = select::choose(&snapshots, &self.request.snapshot, &self.plan.instance)?;
        let all: Vec<PathBuf> = wanted.paths.iter().chain(&wanted.dumps).cloned().collect();
        let missing = watched(&mut self.report, cancel, |job| {
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
        for path in wanted.paths.iter().chain(&wanted.dumps) {
            self.invocation.check_cancel("restore")?;
            let (directory, restored) = place::below(target, path)?;
            watched(&mut self.report, self.invocation.cancel, |job| {
                provider.restore(snapshot, path, &directory, job)
            })?;
            self.done.restored.push(restored);
        }
        Ok(())
    }

    fn in_place(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        beside: &[Beside],
    ) -> Result<(), Failure> {
        let directories = &self.invocation.directories;
        let started = self.report.started();
        let intent = Intent::new(self.plan, Operation::Restore, &self.invocation.id, started);
        let mut journal = Journal::begin(&directories.intent(), intent)?;
        let result = self.replace(provider, snapshot, beside, &mut journal);

        let outcome = result
            .as_ref()
            .map_or_else(Failure::outcome, |()| Outcome::Success);
        let concluded = journal.conclude(outcome, Some(snapshot.id.clone()));
        self.cleanup = intent::finish(
            &mut journal,
            &mut intent::Surroundings {
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

    fn replace(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        beside: &[Beside],
        journal: &mut Journal,
    ) -> Result<(), Failure> {
        let invocation = self.invocation;
        let units = invocation.units;
        if !self.plan.restore_units.is_empty() {
            self.enter("stop", journal)?;
            quiesce::stop(
                &self.plan.restore_units,
                units,
                journal,
                &invocation.directories,
                invocation.cancel,
            )?;
        }
        let hooks = &self.plan.hooks;
        let own = hooks.before_restore.iter().map(|hook| Action::Stop {
            unit: hook.unit.clone(),
        });
        journal.add(own.chain(hooks::after("after-restore", &hooks.after_restore)))?;
        if !hooks.before_restore.is_empty() {
            self.enter("before-restore", journal)?;
        }
        let facts = Facts {
            instance: &self.plan.instance,
            run_id: &invocation.id,
            outcome: None,
            snapshot: Some(&snapshot.id),
        };
        hooks::before("before-restore", &hooks.before_restore, &facts, invocation)?;

        self.enter("restore", journal)?;
        for item in beside {
            invocation.check_cancel("restore")?;
            item.make(journal)?;
            watched(&mut self.report, invocation.cancel, |job| {
                provider.restore(snapshot, &item.stored, &item.directory, job)
            })?;
            item.check()?;
        }
        // A restore of one path leaves databases alone.
        let streams = match self.request.path {
            None => &self.plan.streams[..],
            Some(_) => &[],
        };
        self.fetch_dumps(
            provider,
            snapshot,
            streams.iter().map(|stream| &stream.name),
        )?;
        invocation.check_cancel("restore")?;

        self.enter("swap", journal)?;
        let swapped = self.swap(beside, streams, snapshot, journal);
        if swapped.is_err() {
            // The journal puts everything back.
            self.done.restored.clear();
            self.done.safety_copies.clear();
        }
        swapped?;
        self.load(streams, journal)
    }

    fn swap(
        &mut self,
        beside: &[Beside],
        streams: &[Stream],
        snapshot: &Snapshot,
        journal: &mut Journal,
    ) -> Result<(), Failure> {
        let existed: Vec<bool> = beside.iter().map(Beside::exists).collect();
        let swaps = || beside.iter().zip(&existed);
        journal.add(swaps().map(|(item, existed)| item.put_back(*existed)))?;
        for (item, existed) in swaps() {
            item.swap(*existed, &mut self.done)?;
        }
        let loads = streams.iter().rev().map(|stream| Action::Load {
            name: stream.name.clone(),
            unit: stream.load_unit.clone(),
        });
        Ok(journal.commit(&snapshot.id, loads)?)
    }

    /// The old files are gone from their place: going on is better than stopping.
    fn load(&mut self, streams: &[Stream], journal: &mut Journal) -> Result<(), Failure> {
        if !streams.is_empty() {
            self.report.phase("load");
        }
        let mut failed = None;
        for stream in streams {
            let unit = &stream.load_unit;
            let units = self.invocation.units;
            let loaded = staging::load(&stream.name, unit, units, &Cancel::never());
            failed = failed.or(loaded.err());
            journal.settle(
                |action| matches!(action, Action::Load { unit: other, .. } if other == unit),
            )?;
        }
        failed.map_or(Ok(()), |failure| Err(self.explain(failure)))
    }

    fn enter(&mut self, phase: &str, journal: &mut Journal) -> Result<(), Failure> {
        self.report.phase(phase);
        Ok(journal.enter(phase)?)
    }

    fn fetch_dumps<'s>(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        names: impl Iterator<Item = &'s String>,
    ) -> Result<(), Failure> {
        let directory = self.invocation.directories.staging();
        let mut made = false;
        for name in names {
            if !made {
                staging::make(&directory)?;
                made = true;
            }
            watched(&mut self.report, self.invocation.cancel, |job| {
                provider.restore(snapshot, &directory.join(name), &directory, job)
            })?;
        }
        Ok(())
    }

    fn explain(&self, mut failure: Failure) -> Failure {
        if !self.done.safety_copies.is_empty() {
            failure.problem.message = format!(
                "{}; the data from before is in {}",
                failure.problem.message,
                request::list(&self.done.safety_copies)
            );
        }
        failure
    }
}
