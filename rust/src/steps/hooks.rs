//! Runs hooks: units that receive facts about the run.

use crate::base::cancel::Cancel;
use crate::base::outcome::{Failure, Outcome};
use crate::base::paths::InstancePaths;
use crate::plan::Hook;
use crate::steps::hook_facts::HookFacts;
use crate::steps::journal::Action;
use crate::systemd::units::{UnitError, Units};

/// A hook to run.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// `before-backup`, `after-backup`, `before-restore`, `after-restore`.
    pub phase: &'a str,
    /// Name given in the contract.
    pub name: &'a str,
    /// Unit name.
    pub unit: &'a str,
}

/// Facts that a hook receives in `BACKUP_*` variables.
#[derive(Clone, Copy, Debug)]
pub struct HookEnvironment<'a> {
    /// Instance name.
    pub instance: &'a str,
    /// Id of the run.
    pub run_id: &'a str,
    /// Outcome of the run, once known.
    pub outcome: Option<Outcome>,
    /// Id of the snapshot, once known.
    pub snapshot: Option<&'a str>,
}

/// Ways in which a hook fails.
#[derive(Debug)]
pub enum HookError {
    /// systemd did not start its unit.
    Unit(UnitError),
    /// Its unit failed.
    Failed(Failure),
}

impl From<HookError> for Failure {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Unit(error) => error.into(),
            HookError::Failed(failure) => failure,
        }
    }
}

/// Runs the hooks of a `before` phase in order, up to the first that fails.
///
/// # Errors
/// If one fails, or the run is cancelled.
pub fn before(
    phase: &str,
    hooks: &[Hook],
    facts: &HookEnvironment<'_>,
    directories: &InstancePaths,
    units: &dyn Units,
    cancel: &Cancel,
) -> Result<(), Failure> {
    for hook in hooks {
        cancel.check(phase)?;
        let call = Call {
            phase,
            name: &hook.name,
            unit: &hook.unit,
        };
        run(units, &call, facts, directories, cancel)?;
    }
    Ok(())
}

/// Journal entries of the hooks of an `after` phase. They are undone last first, and so
/// run in the order of the contract.
pub fn after<'a>(phase: &'a str, hooks: &'a [Hook]) -> impl Iterator<Item = Action> + 'a {
    hooks.iter().rev().map(|hook| Action::Hook {
        phase: phase.to_owned(),
        name: hook.name.clone(),
        unit: hook.unit.clone(),
    })
}

/// Runs a hook and waits for its end. Its unit limits the time.
///
/// # Errors
/// If it was not started or did not succeed.
pub fn run(
    units: &dyn Units,
    hook: &Call<'_>,
    facts: &HookEnvironment<'_>,
    directories: &InstancePaths,
    cancel: &Cancel,
) -> Result<(), HookError> {
    let path = directories.hook_facts();
    let facts = HookFacts {
        run_id: facts.run_id.to_owned(),
        phase: hook.phase.to_owned(),
        outcome: facts.outcome,
        snapshot: facts.snapshot.map(str::to_owned),
    };
    facts.write(&path).map_err(|error| {
        HookError::Failed(Failure::new(
            format!("cannot write {}: {error}", path.display()),
            "check that /run has space",
        ))
    })?;
    let result = units
        .start_and_wait(hook.unit, cancel)
        .map_err(HookError::Unit)?;
    let what = format!("the hook {:?} of {}", hook.name, hook.phase);
    result.check(&what, hook.unit).map_err(HookError::Failed)
}
