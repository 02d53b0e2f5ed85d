//! Journal output: messages with stable fields.

use std::path::Path;

use log::{Level, LevelFilter, Log, Metadata, Record as LogRecord};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use super::maintenance::MaintenanceRecord;
use super::messages::{self, JournalMessage};
use super::record::Record;
use crate::base::outcome::Outcome;
use crate::base::printable::printable_lines;
use crate::base::problem::Problem;

/// Remedy for problems without one of their own.
const READ_MESSAGES: &str = "read the messages of the run, with the command below";

/// Fields of one message: name and value.
pub type Fields = Vec<(&'static str, String)>;

/// Installs the logger: the journal if standard error is connected to it, otherwise
/// standard error. Logs from level `info`.
pub fn install() {
    let reachable = Path::new("/run/systemd/journal/socket").exists();
    if connected_to_journal() && reachable {
        let logger = JournalLog::new().map(JournalLog::install);
        if matches!(logger, Ok(Ok(()))) {
            log::set_max_level(LevelFilter::Info);
            return;
        }
    }
    // Fails only if a logger is installed already.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Sends a message about a problem, with `BACKUP_ERROR` and `BACKUP_REMEDY`. Its details are in
/// the message, since only some may read the journal.
pub fn send_problem(
    level: Level,
    message: &JournalMessage,
    fields: &mut Fields,
    text: &str,
    problem: Option<&Problem>,
) {
    let Some(problem) = problem else {
        return send(level, message, fields, text);
    };
    let remedy = problem.remedy.as_deref();
    fields.push(("BACKUP_ERROR", problem.message.clone()));
    fields.push(("BACKUP_REMEDY", remedy.unwrap_or(READ_MESSAGES).to_owned()));
    match &problem.details {
        Some(details) => {
            let text = format!("{text} Details: {}", details.reveal());
            send(level, message, fields, &text);
        }
        None => send(level, message, fields, text),
    }
}

/// Sends one message with its `MESSAGE_ID`.
pub fn send(level: Level, message: &JournalMessage, fields: &Fields, text: &str) {
    let mut pairs: Vec<(&str, &str)> = vec![("MESSAGE_ID", message.id)];
    pairs.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let pairs = pairs.as_slice();
    log::logger().log(
        &LogRecord::builder()
            .level(level)
            .target("backupservice")
            .key_values(&pairs)
            .args(format_args!("{text}"))
            .build(),
    );
}

/// Sends the last message of a backup.
pub fn report_backup(record: &Record) {
    let mut fields = vec![
        ("BACKUP_INSTANCE", record.instance.clone()),
        ("BACKUP_RUN_ID", record.run_id.clone()),
        ("BACKUP_PROVIDER", record.provider.clone()),
        ("BACKUP_OUTCOME", record.outcome.as_str().to_owned()),
        ("BACKUP_CLEANUP_FAILED", record.cleanup_failed.to_string()),
    ];
    if let Some(phase) = record.phases.last() {
        fields.push(("BACKUP_PHASE", phase.name.clone()));
    }
    if let Some(snapshot) = &record.snapshot {
        fields.push(("BACKUP_SNAPSHOT", snapshot.clone()));
    }
    if let Some(totals) = &record.totals {
        fields.push(("BACKUP_BYTES_ADDED", totals.bytes_added.to_string()));
    }
    let (level, message) = match record.outcome {
        Outcome::Failed => (Level::Error, &messages::FAILED),
        _ if record.cleanup_failed => (Level::Error, &messages::CLEANUP_FAILED),
        Outcome::Incomplete => (Level::Warn, &messages::INCOMPLETE),
        Outcome::Cancelled => (Level::Warn, &messages::FINISHED),
        Outcome::Success | Outcome::Skipped => (Level::Info, &messages::FINISHED),
    };
    let error = record.error.as_ref();
    send_problem(level, message, &mut fields, &record.to_string(), error);
}

/// Sends the last message of a maintenance.
pub fn report_maintenance(record: &MaintenanceRecord) {
    let mut fields = vec![
        ("BACKUP_INSTANCE", record.instance.clone()),
        ("BACKUP_RUN_ID", record.run_id.clone()),
        ("BACKUP_PROVIDER", record.provider.clone()),
        ("BACKUP_OUTCOME", record.outcome.as_str().to_owned()),
    ];
    if let Some(phase) = record.phases.last() {
        fields.push(("BACKUP_PHASE", phase.name.clone()));
    }
    let (level, message) = match record.outcome {
        Outcome::Success | Outcome::Skipped => (Level::Info, &messages::MAINTAINED),
        Outcome::Cancelled => (Level::Warn, &messages::MAINTAINED),
        Outcome::Incomplete | Outcome::Failed => (Level::Error, &messages::MAINTENANCE_FAILED),
    };
    let error = record.error.as_ref();
    send_problem(level, message, &mut fields, &record.to_string(), error);
}

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &LogRecord<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}", printable_lines(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}
