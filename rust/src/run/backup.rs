//! The order of a backup. Nothing else knows it.

use crate::base::cancel::Cancel;
use crate::base::lock::{self, Lock, Mode};
use crate::base::measure::Totals;
use crate::base::outcome::{self, Failure, FailureKind, Outcome};
use crate::plan::Plan;
use crate::provider::{self, Backup, Provider, Selection};
use crate::report::record::Record;
use crate::report::{End, Report};
use crate::run::identity::{self, Identity};
use crate::run::invocation::Invocation;
use crate::run::locked::unlocking;
use crate::run::observer::observed;
use crate::run::{conditions, guards, locks, recover, shrink, unverified};
use crate::steps::hooks::{self, HookEnvironment};
use crate::steps::journal::{Action, Intent, Journal, Operation};
use crate::steps::quiesce::{self, Stopped};
use crate::steps::restore_names::SAFETY_PATTERNS;
use crate::steps::streams;
use crate::steps::undo::{self, UndoReport};
use crate::systemd::retries;

/// Result of a backup.
#[derive(Debug)]
pub struct BackupResult {
    /// The record that was written.
    pub record: Record,
    /// It failed with a transient problem.
    pub transient: bool,
}

impl BackupResult {
    /// Exit status of the process. A service that did not start again fails the unit.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match outcome::exit_status(self.record.outcome, self.transient) {
            0 if self.record.cleanup_failed => 1,
            status => status,
        }
    }
}

/// Makes one backup, undoes what it changed whatever happens, and records the outcome.
#[must_use]
pub fn run(plan: &Plan, invocation: &Invocation<'_>) -> BackupResult {
    let provider = provider::name(plan.provider.kind);
    let number = retries::attempt(invocation.units, &plan.instance);
    let mut report = Report::of_backup(
        &invocation.directories,
        &plan.instance,
        provider,
        &invocation.id,
    )
    .at_attempt(number);
    let mut left = UntilRecorded::default();
    let result = attempt(plan, invocation, &mut report, &mut left);
    let result = result.map_err(|failure| retries::count_attempt(failure, number));
    for problem in &left.cleanup.problems {
        report.problem(problem);
    }
    let transient = matches!(&result, Err(failure) if failure.is_transient());
    let record = report.finish(end(result, &left.cleanup));
    left.close();
    BackupResult { record, transient }
}

/// Held until the record is written: for a run that is killed before, recovery writes one
/// from the journal.
#[derive(Default)]
struct UntilRecorded {
    cleanup: UndoReport,
    journal: Option<Journal>,
    lock: Option<Lock>,
    turn: Option<Lock>,
}

impl UntilRecorded {
    fn close(self) {
        if let Some(journal) = self.journal
            && !self.cleanup.postponed
            && let Err(error) = journal.close()
        {
            log::error!("{error:#}");
        }
    }
}

fn attempt(
    plan: &Plan,
    invocation: &Invocation<'_>,
    report: &mut Report,
    left: &mut UntilRecorded,
) -> Result<Backup, Failure> {
    conditions::wait(plan, invocation, report)?;
    report.phase("lock");
    left.lock = Some(lock::take(&invocation.directories, &plan.instance)?);
    recover::leftovers(invocation, Operation::Backup, report)?;
    left.turn = Some(locks::repository(plan, Mode::Shared, invocation, report)?);
    let _slot = locks::slot(plan, invocation, report)?;
    // Not while it waits, for mains power perhaps.
    let _awake = (invocation.keep_awake)(&format!("backup of {}", plan.instance));

    report.phase("guard");
    guards::prepared(plan, &invocation.directories)?;
    guards::sources(plan)?;
    guards::excludes(plan)?;
    guards::credentials(plan, invocation)?;
    let totals = shrink::baseline(plan, &invocation.directories)?;
    identity::load(&invocation.directories)?;
    let provider = (invocation.open)(plan, &invocation.credentials, &invocation.directories)?;
    unverified::settle(plan, invocation, &*provider, report)?;
    let before = Before {
        // The last snapshot has another id if it was marked just now.
        identity: identity::load(&invocation.directories)?,
        totals,
    };

    let mut journal = begin(plan, invocation, report)?;
    let result = work(plan, invocation, &before, report, &*provider, &mut journal);
    let mut noted = Ok(());
    if result.is_err() && ["backup", "mark"].contains(&journal.intent().phase.as_str()) {
        // There may be a snapshot nevertheless.
        noted = unverified::raise(&invocation.directories, report.started());
    }
    let saved = result.as_ref().ok().map(|backup| &backup.saved);
    let snapshot = saved.map(|saved| saved.snapshot.clone());
    let concluded = journal.conclude(outcome_of(&result), snapshot);
    // From here on no recovery doubts the snapshot, and marks it by giving it another id.
    if let Some(saved) = saved {
        noted = identity::note(&invocation.directories, saved);
    }
    let mut context = undo::UndoContext {
        units: invocation.units,
        directories: &invocation.directories,
        on_phase: &mut |phase| report.phase(phase),
    };
    left.cleanup = undo::undo(&mut journal, &mut context);
    left.journal = Some(journal);
    for error in [noted.err(), concluded.err()].into_iter().flatten() {
        left.cleanup.problems.push(Failure::from(error).problem);
    }
    result
}

/// Baseline from earlier runs.
struct Before {
    identity: Option<Identity>,
    totals: Option<Totals>,
}

fn work(
    plan: &Plan,
    invocation: &Invocation<'_>,
    before: &Before,
    report: &mut Report,
    provider: &dyn Provider,
    journal: &mut Journal,
) -> Result<Backup, Failure> {
    let units = invocation.units;
    let staging = invocation.directories.staging();
    if !plan.hooks.before_backup.is_empty() {
        enter("before-backup", report, journal)?;
    }
    let facts = HookEnvironment {
        instance: &plan.instance,
        run_id: &invocation.id,
        outcome: None,
        snapshot: None,
    };
    hooks::before(
        "before-backup",
        &plan.hooks.before_backup,
        &facts,
        &invocation.directories,
        units,
        invocation.cancel,
    )?;
    let mut stopped = Stopped::default();
    if !plan.quiesce.is_empty() {
        invocation.cancel.check("quiesce")?;
        enter("quiesce", report, journal)?;
        stopped = quiesce::stop(
            &plan.quiesce,
            &plan.startable.quiesce,
            units,
            journal,
            &invocation.directories,
            invocation.cancel,
        )?;
    }
    let mut paths = plan.sources.clone();
    if !plan.streams.is_empty() {
        enter("dump", report, journal)?;
        streams::prepare(&staging, &plan.streams)?;
        for stream in &plan.streams {
            invocation.cancel.check("dump")?;
            streams::dump(stream, &staging, units, invocation.cancel)?;
        }
        paths.push(staging.clone());
    }
    invocation.cancel.check("backup")?;
    let looking = locks::looking(plan, invocation, report)?;
    enter("backup", report, journal)?;
    // Of data that a restore has replaced, and of no use in a snapshot of what replaced it.
    let copies = SAFETY_PATTERNS.map(str::to_owned);
    let exclude: Vec<String> = plan.exclude.iter().cloned().chain(copies).collect();
    let selection = Selection {
        paths: &paths,
        staging: (!plan.streams.is_empty()).then_some(&*staging),
        exclude: &exclude,
        one_file_system: plan.one_file_system,
        last: before.identity.as_ref().map(|identity| &identity.last),
    };
    let mut backup = match snapshot(plan, &selection, looking, invocation, report, provider) {
        Err(failure) if failure.kind == FailureKind::NoRepository => {
            return Err(before.identity.as_ref().map_or(failure, identity::gone));
        }
        result => result?,
    };
    if backup.incomplete.is_none() {
        backup.incomplete = guards::vanished(plan);
    }
    if backup.incomplete.is_none() {
        backup.incomplete = stopped.came_back(units)?;
    }
    if backup.incomplete.is_none() {
        backup.incomplete = shrink::problem(
            plan,
            &invocation.directories,
            before.totals.as_ref(),
            &backup.totals,
        )?;
    }
    if backup.incomplete.is_some() {
        enter("mark", report, journal)?;
        // A cancel request must not leave a snapshot that claims to be complete.
        let marked = unlocking(provider, report, &Cancel::never(), |job| {
            provider.mark_incomplete(&backup.saved.snapshot, job)
        });
        backup.saved.snapshot = marked.map_err(|failure| unmarked(&backup, failure))?;
    }
    Ok(backup)
}

/// Backs up, and creates the repository only if that fails because there is none, and the
/// instance has never had a snapshot; of the instances that share it, only one does.
fn snapshot(
    plan: &Plan,
    selection: &Selection<'_>,
    looking: Option<Lock>,
    invocation: &Invocation<'_>,
    report: &mut Report,
    provider: &dyn Provider,
) -> Result<Backup, Failure> {
    let cancel = invocation.cancel;
    let backup = |report: &mut Report| {
        unlocking(provider, report, cancel, |job| {
            provider.backup(selection, job)
        })
    };
    match backup(report) {
        Err(failure) if failure.kind == FailureKind::NoRepository && selection.last.is_none() => {}
        result => return result,
    }
    drop(looking);
    invocation.cancel.check("init")?;
    let alone = locks::creation(plan, Mode::Exclusive, invocation, report)?;
    report.phase("init");
    // Whoever had the lock before may have made it.
    match observed(report, cancel, |job| provider.snapshots(job)) {
        Err(failure) if failure.kind == FailureKind::NoRepository => {
            observed(report, cancel, |job| provider.init(job))?;
        }
        result => drop(result?),
    }
    drop(alone);
    report.phase("backup");
    backup(report)
}

fn begin(plan: &Plan, invocation: &Invocation<'_>, report: &Report) -> Result<Journal, Failure> {
    let mut intent = Intent::new(plan, Operation::Backup, &invocation.id, report.started());
    intent.attempt = report.attempt();
    let mut journal = Journal::begin(&invocation.directories.intent(), intent)?;
    let dumps = plan.streams.iter().map(|stream| &stream.dump_unit);
    let own = plan.hooks.before_backup.iter().map(|hook| &hook.unit);
    let stops = own
        .chain(dumps)
        .map(|unit| Action::Stop { unit: unit.clone() });
    journal.add(stops.chain(hooks::after("after-backup", &plan.hooks.after_backup)))?;
    Ok(journal)
}

/// Enters a phase and notes it in the journal, which outlives a crash.
fn enter(phase: &str, report: &mut Report, journal: &mut Journal) -> Result<(), Failure> {
    report.phase(phase);
    Ok(journal.enter(phase)?)
}

fn unmarked(backup: &Backup, mut failure: Failure) -> Failure {
    let problem = backup.incomplete.as_ref().map(ToString::to_string);
    failure.problem.message = format!(
        "the snapshot {} is incomplete ({}), and could not be marked as such: {}",
        backup.saved.snapshot,
        problem.unwrap_or_default(),
        failure.problem.message
    );
    failure
}

fn outcome_of(result: &Result<Backup, Failure>) -> Outcome {
    match result {
        Ok(backup) if backup.incomplete.is_some() => Outcome::Incomplete,
        Ok(_) => Outcome::Success,
        Err(failure) => failure.outcome(),
    }
}

fn end(result: Result<Backup, Failure>, cleanup: &UndoReport) -> End {
    let outcome = outcome_of(&result);
    let cleanup_failed = cleanup.cleanup_failed();
    match result {
        Ok(backup) => End {
            outcome,
            cleanup_failed,
            error: backup
                .incomplete
                .or_else(|| cleanup.problems.first().cloned()),
            snapshot: Some(backup.saved.snapshot),
            totals: Some(backup.totals),
        },
        Err(failure) => End {
            outcome,
            cleanup_failed,
            error: Some(failure.problem),
            snapshot: None,
            totals: None,
        },
    }
}
