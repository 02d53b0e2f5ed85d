//! The data of today gives way to that of the snapshot.

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::owners::Owners;
use crate::plan::Stream;
use crate::provider::{Provider, Snapshot};
use crate::run::locked::unlocking;
use crate::steps::hooks::{self, HookEnvironment};
use crate::steps::journal::{Action, Journal};
use crate::steps::{quiesce, streams};

use super::incoming::Incoming;
use super::swap::Swap;
use super::{RestoreWork, owners, place, request};

impl RestoreWork<'_> {
    pub(super) fn replace(
        &mut self,
        provider: &dyn Provider,
        snapshot: &Snapshot,
        (incoming, owners): (&[Incoming], &Owners),
        journal: &mut Journal,
    ) -> Result<(), Failure> {
        let invocation = self.invocation;
        let units = invocation.units;
        if !self.plan.restore_units.is_empty() {
            self.enter("stop", journal)?;
            quiesce::stop(
                &self.plan.restore_units,
                &self.plan.startable.restore,
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
        let facts = HookEnvironment {
            instance: &self.plan.instance,
            run_id: &invocation.id,
            outcome: None,
            snapshot: Some(&snapshot.id),
        };
        hooks::before(
            "before-restore",
            &hooks.before_restore,
            &facts,
            &invocation.directories,
            invocation.units,
            invocation.cancel,
        )?;

        self.enter("restore", journal)?;
        for item in incoming {
            invocation.cancel.check("restore")?;
            item.make(journal)?;
            unlocking(provider, &mut self.report, invocation.cancel, |job| {
                provider.restore(snapshot, &item.stored, &item.directory, job)
            })?;
            item.check()?;
        }
        let fresh = incoming.iter().map(|item| item.fresh.as_path());
        owners::check_restored(owners, fresh)?;
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
        invocation.cancel.check("restore")?;

        self.enter("swap", journal)?;
        let swapped = self.swap(incoming, streams, snapshot, journal);
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
        incoming: &[Incoming],
        streams: &[Stream],
        snapshot: &Snapshot,
        journal: &mut Journal,
    ) -> Result<(), Failure> {
        let swaps = incoming
            .iter()
            .map(Incoming::swaps)
            .collect::<Result<Vec<_>, _>>()?;
        journal.add(swaps.iter().flatten().map(Swap::roll_back))?;
        for (item, swaps) in incoming.iter().zip(&swaps) {
            item.swap(swaps, &mut self.done)?;
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
            let loaded = streams::load(&stream.name, unit, units, &Cancel::never());
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
        let staging = self.invocation.directories.staging();
        let directory = self.invocation.directories.restored_dumps();
        let mut made = false;
        for name in names {
            if !made {
                place::empty_private(&directory)?;
                made = true;
            }
            unlocking(provider, &mut self.report, self.invocation.cancel, |job| {
                provider.restore(snapshot, &staging.join(name), &directory, job)
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
