//! Telling what happens: state files, journal, `systemctl status`.

pub mod journal;
pub mod maintenance;
pub mod messages;
mod notify;
pub mod record;
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

pub use notify::doing;
pub use state::{
    has_snapshots, history, last_complete_totals, last_maintenance, last_run, maintaining, running,
    write_record,
};

/// Progress goes to [`RunState`] and `systemctl status` this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What a run or restore tells while it is under way, and at its end.
#[derive(Debug)]
pub struct Report {
    directories: InstancePaths,
    provider: String,
    state: RunState,
    state_file: Option<PathBuf>,
    attempt: u32,
    phases: Vec<Phase>,
    phase_began: Option<Instant>,
    progress_told: Option<Instant>,
}

impl Report {
    /// Begins to report a backup.
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
            progress_told: None,
        }
    }

    /// Begins to report something that is no backup, and so leaves no record of one.
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

    /// Writes what is under way to this file, until it has ended.
    #[must_use]
    pub fn shown_in(self, file: PathBuf) -> Self {
        Self {
            state_file: Some(file),
            ..self
        }
    }

    /// Begins to report a maintenance.
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

    /// Reports the end of a backup that somebody else began, and could not end.
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

    /// It began before this process did.
    pub fn began(&mut self, started: Timestamp) {
        self.state.started = started;
    }

    /// Tells which attempt it is, counted from 1.
    #[must_use]
    pub fn at_attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// Which attempt it is, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.state.started
    }

    /// A new phase begins, and the one before ends.
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
        self.progress_told = None;
        self.write_state();
        let doing = notify::doing(name);
        notify::status(doing);
        journal::send(Level::Info, &messages::PHASE, &self.fields(), doing);
    }

    /// The provider got further. Most calls are ignored, so as not to tell too often.
    pub fn progress(&mut self, progress: &Progress) {
        if self
            .progress_told
            .is_some_and(|told| told.elapsed() < PROGRESS_EVERY)
        {
            return;
        }
        self.progress_told = Some(Instant::now());
        self.state.progress = Some(*progress);
        self.write_state();
        notify::status(&notify::progress(&self.state.phase, progress));
    }

    /// Something a person may want to read, that changes nothing by itself.
    pub fn note(&self, text: &str) {
        journal::send(Level::Info, &messages::NOTE, &self.fields(), text);
    }

    /// Something that went wrong, but does not end the run.
    pub fn problem(&self, problem: &Problem) {
        let mut fields = self.fields();
        journal::blame(&mut fields, Some(problem));
        journal::send(
            Level::Error,
            &messages::PROBLEM,
            &fields,
            &problem.to_string(),
        );
    }

    /// The end of a backup: completes the record, writes it and tells it.
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
        journal::tell(&record);
        notify::status(&record.to_string());
        record
    }

    /// The end of a restore.
    pub fn finish_restore(mut self, outcome: Outcome, error: Option<&Problem>, text: &str) {
        self.end_phase();
        let mut fields = self.fields();
        fields.push(("BACKUP_OUTCOME", outcome.as_str().to_owned()));
        journal::blame(&mut fields, error);
        let (level, message) = match outcome {
            Outcome::Success | Outcome::Skipped => (Level::Info, &messages::RESTORED),
            _ => (Level::Error, &messages::RESTORE_FAILED),
        };
        if let Some(file) = &self.state_file {
            state::remove(file);
        }
        journal::send(level, message, &fields, text);
        notify::status(text);
    }

    /// The end of a maintenance: completes the record, writes it and tells it.
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
        journal::tell_maintenance(&record);
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

/// How a backup ended.
#[derive(Clone, Debug)]
pub struct End {
    /// Its outcome.
    pub outcome: Outcome,
    /// Something could not be put back.
    pub cleanup_failed: bool,
    /// Why it is not a success.
    pub error: Option<Problem>,
    /// The snapshot's id, if one was made.
    pub snapshot: Option<String>,
    /// What the provider counted.
    pub totals: Option<record::Totals>,
}
