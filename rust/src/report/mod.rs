//! Reporting of runs: state files, records, journal, and the line in `systemctl status`.

pub mod journal;
pub mod maintenance;
pub mod messages;
mod notify;
pub mod record;
pub mod restores;
mod state;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::Level;

use crate::base::measure::Progress;
use crate::base::outcome::Outcome;
use crate::base::paths::InstancePaths;
use journal::Fields;
use maintenance::{MaintenanceEnd, MaintenanceRecord};
use record::{Phase, Problem, Record, RunState, VERSION};
use restores::RestoreRecord;

pub use notify::doing;
pub use state::{
    Records, correct_record, history, last_maintenance, last_results, last_run, last_success,
    maintaining, running, waiting, write_maintenance, write_record,
};

/// Minimum time between two updates of the progress in [`RunState`] and `systemctl status`.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Report of a run, restore or maintenance in progress.
#[derive(Debug)]
pub struct Report {
    directories: InstancePaths,
    provider: String,
    state: RunState,
    state_file: Option<PathBuf>,
    attempt: u32,
    phases: Vec<Phase>,
    phase_began: Option<Instant>,
    progress_sent: Option<Instant>,
}

impl Report {
    /// Starts the report of a backup.
    #[must_use]
    pub fn of_backup(
        directories: &InstancePaths,
        instance: &str,
        provider: &str,
        run_id: &str,
    ) -> Self {
        Self {
            directories: directories.clone(),
            provider: provider.to_owned(),
            state: RunState {
                version: VERSION,
                instance: instance.to_owned(),
                run_id: run_id.to_owned(),
                started: Timestamp::now(),
                phase: String::new(),
                progress: None,
            },
            state_file: Some(directories.run_state()),
            attempt: 1,
            phases: Vec::new(),
            phase_began: None,
            progress_sent: None,
        }
    }

    /// Starts the report of a restore, which has no state file unless one is set.
    #[must_use]
    pub fn of_restore(
        directories: &InstancePaths,
        instance: &str,
        provider: &str,
        run_id: &str,
    ) -> Self {
        Self {
            state_file: None,
            ..Self::of_backup(directories, instance, provider, run_id)
        }
    }

    /// Sets the state file, which exists until the end of the run.
    #[must_use]
    pub fn shown_in(self, file: PathBuf) -> Self {
        Self {
            state_file: Some(file),
            ..self
        }
    }

    /// Starts the report of a maintenance.
    #[must_use]
    pub fn of_maintenance(
        directories: &InstancePaths,
        instance: &str,
        provider: &str,
        run_id: &str,
    ) -> Self {
        Self {
            state_file: Some(directories.maintenance_state()),
            ..Self::of_backup(directories, instance, provider, run_id)
        }
    }

    /// Continues the report of an interrupted backup, to report its end.
    #[must_use]
    pub fn resumed(
        directories: &InstancePaths,
        instance: &str,
        provider: &str,
        run_id: &str,
        started: Timestamp,
    ) -> Self {
        let mut report = Self::of_backup(directories, instance, provider, run_id);
        report.state.started = started;
        report
    }

    /// Sets the start of a run that began before this process.
    pub fn began(&mut self, started: Timestamp) {
        self.state.started = started;
    }

    /// Sets the number of the attempt, from 1.
    #[must_use]
    pub fn at_attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// Number of the attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Start of the run, UTC.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.state.started
    }

    /// Ends the current phase and starts the next one.
    pub fn phase(&mut self, name: &str) {
        self.end_phase();
        self.phases.push(Phase {
            name: name.to_owned(),
            started: Timestamp::now(),
            seconds: 0.0,
        });
        self.phase_began = Some(Instant::now());
        name.clone_into(&mut self.state.phase);
        self.state.progress = None;
        self.progress_sent = None;
        self.write_state();
        let doing = notify::doing(name);
        notify::status(doing);
        journal::send(Level::Info, &messages::PHASE, &self.fields(), doing);
    }

    /// Updates the progress of the provider, at most every 500 ms.
    pub fn progress(&mut self, progress: &Progress) {
        if self
            .progress_sent
            .is_some_and(|sent| sent.elapsed() < PROGRESS_EVERY)
        {
            return;
        }
        self.progress_sent = Some(Instant::now());
        self.state.progress = Some(*progress);
        self.write_state();
        notify::status(&notify::progress(&self.state.phase, progress));
    }

    /// Logs a note that does not affect the outcome.
    pub fn note(&self, text: &str) {
        journal::send(Level::Info, &messages::NOTE, &self.fields(), text);
    }

    /// Logs a problem that does not end the run.
    pub fn problem(&self, problem: &Problem) {
        journal::send_problem(
            Level::Error,
            &messages::PROBLEM,
            &mut self.fields(),
            &problem.to_string(),
            Some(problem),
        );
    }

    /// Ends a backup: writes its record, and logs it.
    #[must_use]
    pub fn finish(mut self, end: End) -> Record {
        self.end_phase();
        let record = Record {
            version: VERSION,
            instance: self.state.instance.clone(),
            provider: self.provider.clone(),
            run_id: self.state.run_id.clone(),
            attempt: self.attempt,
            started: self.state.started,
            finished: Timestamp::now(),
            outcome: end.outcome,
            cleanup_failed: end.cleanup_failed,
            error: end.error,
            snapshot: end.snapshot,
            totals: end.totals,
            phases: std::mem::take(&mut self.phases),
        };
        state::write_record(&self.directories, &record);
        journal::report_backup(&record);
        notify::status(&record.to_string());
        record
    }

    /// Ends a restore: writes its record, removes its state file, and logs `text`.
    pub fn finish_restore(mut self, end: &RestoreEnd<'_>, text: &str) {
        let RestoreEnd { outcome, error, .. } = *end;
        self.end_phase();
        let record = RestoreRecord {
            version: VERSION,
            instance: self.state.instance.clone(),
            run_id: self.state.run_id.clone(),
            started: self.state.started,
            finished: Timestamp::now(),
            outcome,
            cleanup_failed: end.cleanup_failed,
            snapshot: end.snapshot.map(str::to_owned),
            phases: std::mem::take(&mut self.phases),
        };
        restores::add(&self.directories, &record);
        let mut fields = self.fields();
        fields.push(("BACKUP_OUTCOME", outcome.as_str().to_owned()));
        let (level, message) = match outcome {
            Outcome::Success | Outcome::Skipped => (Level::Info, &messages::RESTORED),
            _ => (Level::Error, &messages::RESTORE_FAILED),
        };
        if let Some(file) = &self.state_file {
            state::remove(file);
        }
        journal::send_problem(level, message, &mut fields, text, error);
        // Paths of a restore are private: everybody may read the line of the status.
        notify::status(&format!("restore: {}", outcome.as_str()));
    }

    /// Ends a maintenance: writes its record, and logs it.
    #[must_use]
    pub fn finish_maintenance(mut self, end: MaintenanceEnd) -> MaintenanceRecord {
        self.end_phase();
        let record = MaintenanceRecord {
            version: VERSION,
            instance: self.state.instance.clone(),
            provider: self.provider.clone(),
            run_id: self.state.run_id.clone(),
            started: self.state.started,
            finished: Timestamp::now(),
            outcome: end.outcome,
            error: end.error,
            done: end.done,
            phases: std::mem::take(&mut self.phases),
        };
        state::write_maintenance(&self.directories, &record);
        journal::report_maintenance(&record);
        notify::status(&record.to_string());
        record
    }

    fn end_phase(&mut self) {
        if let (Some(phase), Some(began)) = (self.phases.last_mut(), self.phase_began.take()) {
            phase.seconds = began.elapsed().as_secs_f64();
        }
    }

    fn write_state(&self) {
        if let Some(file) = &self.state_file {
            state::write(file, &self.state);
        }
    }

    fn fields(&self) -> Fields {
        vec![
            ("BACKUP_INSTANCE", self.state.instance.clone()),
            ("BACKUP_RUN_ID", self.state.run_id.clone()),
            ("BACKUP_PROVIDER", self.provider.clone()),
            ("BACKUP_PHASE", self.state.phase.clone()),
        ]
    }
}

/// End of a restore, from which its record is made.
#[derive(Clone, Copy, Debug)]
pub struct RestoreEnd<'a> {
    /// Outcome.
    pub outcome: Outcome,
    /// Something that was stopped or changed could not be undone.
    pub cleanup_failed: bool,
    /// Cause and remedy, unless it succeeded; for the journal.
    pub error: Option<&'a Problem>,
    /// Id of the restored snapshot, if one was chosen.
    pub snapshot: Option<&'a str>,
}

/// End of a backup, from which its record is made.
#[derive(Clone, Debug)]
pub struct End {
    /// Outcome.
    pub outcome: Outcome,
    /// Something that was stopped or changed for the run could not be undone.
    pub cleanup_failed: bool,
    /// Cause and remedy, unless it succeeded.
    pub error: Option<Problem>,
    /// Id of the snapshot, if one was created.
    pub snapshot: Option<String>,
    /// Files and bytes, as counted by the provider.
    pub totals: Option<record::Totals>,
}
