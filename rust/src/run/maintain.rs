//! The order of a maintenance. Nothing else knows it.

use jiff::{SignedDuration, Timestamp};

use serde::{Deserialize, Serialize};

use crate::base::lock::Mode;
use crate::base::outcome::{self, Failure, FailureKind, Outcome};
use crate::base::paths::{InstancePaths, read_json};
use crate::base::problem::Problem;
use crate::plan::Plan;
use crate::provider::{self, Job, Provider, Snapshot};
use crate::report::maintenance::{
    CheckResult, MaintenanceEnd, MaintenanceRecord, MaintenanceResults, StepResult,
};
use crate::report::{self, Report};
use crate::run::conditions;
use crate::run::guards;
use crate::run::identity;
use crate::run::invocation::Invocation;
use crate::run::locked::explained;
use crate::run::locks;
use crate::run::observer::observed;
use crate::run::recover;
use crate::run::unverified;
use crate::steps::journal::{Journal, Operation};
use crate::systemd::retries;

/// How far in the future a snapshot may be dated: clocks of other machines differ a little.
const PLAUSIBLE: SignedDuration = SignedDuration::from_hours(24);

/// Request for a maintenance that only checks the repository: `check-only`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckRequest {
    /// How much of the stored data to read, in percent, if not as much as ever.
    pub read_data: Option<u8>,
}

/// Result of a maintenance.
#[derive(Debug)]
pub struct MaintenanceResult {
    /// The record that was written.
    pub record: MaintenanceRecord,
    /// It failed with a transient problem.
    pub transient: bool,
}

impl MaintenanceResult {
    /// Exit status of the process.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        outcome::exit_status(self.record.outcome, self.transient)
    }
}

/// Forgets what retention does not ask for, frees its space, and checks the repository.
///
/// Takes no lock of the instance but only the repository's: were a run killed while
/// this waits, `recover` would find the instance's lock taken and leave things as they are.
#[must_use]
pub fn run(plan: &Plan, invocation: &Invocation<'_>) -> MaintenanceResult {
    let number = retries::attempt(invocation.units, &format!("{}-maintain", plan.instance));
    let mut work = MaintenanceWork {
        plan,
        invocation,
        report: Report::of_maintenance(
            &invocation.directories,
            &plan.instance,
            provider::name(plan.provider.kind),
            &invocation.id,
        ),
        done: MaintenanceResults::default(),
    };
    let result = work.attempt();
    let result = result.map_err(|failure| retries::count_attempt(failure, number));
    let MaintenanceWork { report, done, .. } = work;
    let (outcome, transient, error) = match result {
        Ok(()) => (Outcome::Success, false, None),
        Err(failure) if is_new(&failure, &invocation.directories) => {
            (Outcome::Skipped, false, Some(failure.problem))
        }
        Err(failure) => (
            failure.outcome(),
            failure.is_transient(),
            Some(failure.problem),
        ),
    };
    let record = report.finish_maintenance(MaintenanceEnd {
        outcome,
        error,
        done,
    });
    MaintenanceResult { record, transient }
}

/// Writes the record of a maintenance that was killed before it could.
pub fn recover(directories: &InstancePaths, instance: &str, ended: &recover::ServiceResult) {
    let Some(run_id) = &ended.invocation else {
        return;
    };
    let last = report::last_maintenance(directories).ok().flatten();
    if last.as_ref().is_some_and(|last| last.run_id == *run_id) {
        return;
    }
    let state = report::maintaining(directories).ok().flatten();
    let state = state.filter(|state| state.run_id == *run_id);
    let provider = last.map_or_else(|| "unknown".to_owned(), |last| last.provider);
    let mut report = Report::of_maintenance(directories, instance, &provider, run_id);
    if let Some(state) = &state {
        report.began(state.started);
    }
    let phase = state.as_ref().map(|state| state.phase.as_str());
    let problem = Problem::new(
        ended.problem(phase).message,
        format!("start it again with `backupservice maintain {instance}`"),
    );
    let _record = report.finish_maintenance(MaintenanceEnd {
        outcome: ended.outcome(),
        error: Some(problem),
        done: MaintenanceResults::default(),
    });
}

struct MaintenanceWork<'a> {
    plan: &'a Plan,
    invocation: &'a Invocation<'a>,
    report: Report,
    done: MaintenanceResults,
}

impl MaintenanceWork<'_> {
    fn attempt(&mut self) -> Result<(), Failure> {
        let (plan, invocation) = (self.plan, self.invocation);
        self.report.phase("guard");
        guards::prepared(plan, &invocation.directories)?;
        guards::credentials(plan, invocation)?;

        conditions::wait(plan, invocation, &mut self.report)?;
        self.report.phase("lock");
        let _alone = locks::repository(plan, Mode::Exclusive, invocation, &mut self.report)?;
        let _slot = locks::slot(plan, invocation, &mut self.report)?;
        let _awake = (invocation.keep_awake)(&format!("maintenance of {}", plan.instance));
        let open = invocation.open;
        let provider = open(plan, &invocation.credentials, &invocation.directories)?;
        let provider = &*provider;
        // Retention must not take for complete what nobody saw complete.
        self.no_run_is_open()?;
        let directories = &invocation.directories;
        unverified::settle(plan, invocation, provider, &mut self.report)?;

        let only_check: Option<CheckRequest> = read_json(&directories.check_only())?;
        let cleared = match &only_check {
            Some(_) => Ok(()),
            None => self.clear(provider),
        };
        match &cleared {
            // What is damaged may be what it failed on.
            Ok(()) => {}
            Err(failure) if failure.kind == FailureKind::Failed => {
                self.report.problem(&failure.problem);
            }
            Err(_) => return cleared,
        }
        let read_data = only_check.and_then(|only| only.read_data);
        self.check(provider, read_data.unwrap_or(plan.maintenance.read_data))?;
        cleared
    }

    /// Refuses to work while a killed run of the instance is not finished: its snapshots are
    /// not marked yet.
    fn no_run_is_open(&self) -> Result<(), Failure> {
        let open = Journal::load(&self.invocation.directories.intent())?;
        let open = open.filter(|journal| journal.intent().operation == Operation::Backup);
        let Some(journal) = open else { return Ok(()) };
        let instance = &journal.intent().instance;
        let problem = Problem::new(
            format!("a run of {instance} was interrupted, and is not finished"),
            "it is finished by itself; `systemctl start backupservice-recover.service` does it now",
        );
        Err(Failure::of(FailureKind::Transient, problem))
    }

    fn clear(&mut self, provider: &dyn Provider) -> Result<(), Failure> {
        let plan = self.plan;
        if plan.retention.rules().next().is_some() {
            let forgotten = self.step("forget", provider, |job| {
                clock_is_plausible(&provider.snapshots(job)?)?;
                provider.forget(&plan.retention, job)
            });
            self.done.retention = result_of(&forgotten);
            let forgotten = forgotten?;
            self.follow(provider, &forgotten.removed)?;
            self.done.kept = Some(forgotten.kept);
            self.done.removed = Some(forgotten.removed);
        }
        let freed = self.step("prune", provider, |job| provider.prune(job));
        self.done.prune = result_of(&freed);
        self.done.bytes_freed = freed?;
        Ok(())
    }

    /// Keeps the repository's identity if the last snapshot is gone, which only happens if a
    /// clock was wrong: the newest one is never forgotten.
    fn follow(&mut self, provider: &dyn Provider, removed: &[String]) -> Result<(), Failure> {
        let directories = &self.invocation.directories;
        let known =
            identity::load(directories)?.filter(|known| removed.contains(&known.last.snapshot));
        let Some(known) = known else { return Ok(()) };
        let left = observed(&mut self.report, self.invocation.cancel, |job| {
            provider.snapshots(job)
        })?;
        if let Some(newest) = left.last() {
            identity::replace(directories, &known.last.snapshot, &newest.id)?;
        }
        Ok(())
    }

    fn check(&mut self, provider: &dyn Provider, read_data: u8) -> Result<(), Failure> {
        let checked = self.step("check", provider, |job| provider.check(read_data, job));
        self.done.check = match &checked {
            Ok(()) => {
                self.done.data_read = Some(provider.reads(read_data));
                Some(CheckResult::Sound)
            }
            Err(failure) if failure.kind == FailureKind::Damaged => Some(CheckResult::Damaged),
            Err(_) => None,
        };
        checked
    }

    /// A step with the provider. If the repository is locked, the lock may be one that a
    /// killed process left behind: nobody but maintenance would ever meet it.
    fn step<T>(
        &mut self,
        phase: &str,
        provider: &dyn Provider,
        work: impl Fn(&mut Job<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let cancel = self.invocation.cancel;
        self.invocation.cancel.check(phase)?;
        self.report.phase(phase);
        let locked = match observed(&mut self.report, cancel, &work) {
            Err(failure) if failure.kind == FailureKind::Locked && !self.done.unlocked => failure,
            result => return result,
        };
        let remedy =
            "nothing to do yet: the lock of a killed process of this machine is removed now";
        self.report.problem(&Problem {
            remedy: Some(remedy.to_owned()),
            ..locked.problem.clone()
        });
        self.report.phase("unlock");
        let unlocked = observed(&mut self.report, cancel, |job| provider.unlock(job))?;
        if !unlocked.removed {
            return Err(explained(locked, provider, &unlocked));
        }
        self.report.phase(phase);
        let result = observed(&mut self.report, cancel, &work);
        let again = |failure: &Failure| failure.kind == FailureKind::Locked;
        self.done.unlocked = !result.as_ref().is_err_and(again);
        result.map_err(|failure| explained(failure, provider, &unlocked))
    }
}

/// Refuses if a snapshot is dated in the future: the clock is wrong, or was, and it would
/// choose what counts as old.
fn clock_is_plausible(all: &[Snapshot]) -> Result<(), Failure> {
    let now = Timestamp::now();
    let newest = all.iter().max_by_key(|snapshot| snapshot.time);
    let Some(newest) = newest.filter(|newest| newest.time > now + PLAUSIBLE) else {
        return Ok(());
    };
    Err(Failure::new(
        format!(
            "the clock says {now:.0}, and snapshot {} is from {:.0}: one of them is wrong, so \
             nothing was forgotten",
            newest.id, newest.time
        ),
        "correct the clock, see `timedatectl`; if it is right now, remove the snapshots that \
         are dated in the future with the provider's own program",
    ))
}

/// Result of a step; none if it was stopped on request.
fn result_of<T>(step: &Result<T, Failure>) -> Option<StepResult> {
    match step {
        Ok(_) => Some(StepResult::Success),
        Err(failure) if failure.kind == FailureKind::Cancelled => None,
        Err(_) => Some(StepResult::Failed),
    }
}

/// Whether there is no repository because there never was a snapshot.
fn is_new(failure: &Failure, directories: &InstancePaths) -> bool {
    failure.kind == FailureKind::NoRepository && matches!(identity::load(directories), Ok(None))
}
